"""A tour: logs five requests of two users, and asks what they add up to.

Run it against a server of your own, with the service key::

    llmtally serve &
    export LLMTALLY_KEY=$(llmtally keys | sed -n s/SERVICE_KEY=//p)
    python3 example.py
"""

from llmtally_client import (
    analyze_user_costs,
    check_user_usage_limits,
    get_admin_overview,
    get_recent_user_activity,
    get_user_dashboard_data,
    get_user_monthly_usage,
    log_request,
    monitor_system_health,
)


def log_some_requests() -> None:
    """Log them under call ids of their own, so that a second tour adds nothing."""
    log_request(
        "openai/gpt-4o", "tour-ann", litellm_call_id="tour-1", created_at="2026-01-15T09:00:00Z",
        total_cost=0.00215, response_time=0.8, messages=[{"role": "user", "content": "Why is the sky blue?"}],
        response={"usage": {"prompt_tokens": 120, "completion_tokens": 185}},
    )
    log_request(
        "openai/gpt-4o", "tour-ann", litellm_call_id="tour-2", created_at="2026-01-20T09:00:00Z",
        total_cost=0.0005, response_time=0.4, prompt_tokens=40, completion_tokens=30,
    )
    log_request(
        "anthropic/claude-sonnet-4", "tour-ann", litellm_call_id="tour-3", created_at="2026-02-02T09:00:00Z",
        total_cost=0.0039, response_time=1.2, prompt_tokens=900, completion_tokens=80,
    )
    log_request(
        "openai/gpt-4o", "tour-ann", litellm_call_id="tour-4", created_at="2026-02-03T09:00:00Z",
        status="failure", total_cost=0, error={"message": "rate limited"},
    )
    log_request(
        "openai/gpt-4o", "tour-bob", litellm_call_id="tour-5", created_at="2026-02-04T09:00:00Z",
        total_cost=0.001, prompt_tokens=10, completion_tokens=5,
    )


def show_user(user_id: str) -> None:
    data = get_user_dashboard_data(user_id)
    summary = data["summary"]
    print(f"{user_id}: {summary['total_requests']} requests, {summary['failed_requests']} failed, "
          f"{summary['total_tokens_from_logs']} tokens, ${summary['total_cost']:.5f}")
    for row in data["usage_breakdown"]:
        print(f"  {row['model']} ({row['provider']}): {row['total_tokens']} tokens in {row['request_count']} requests")
    for month in get_user_monthly_usage(user_id, "2026-01-01", "2026-03-01"):
        print(f"  {month['period_start'][:7]}: {month['requests']} requests, ${month['cost']:.5f}")
    costs = analyze_user_costs(user_id)
    print(f"  most expensive: {costs['most_expensive_model']}")
    for text in costs["recommendations"]:
        print(f"  {text}")
    exceeded = check_user_usage_limits(user_id, send_usage_alert)
    print(f"  limits exceeded: {', '.join(exceeded) or 'none'}")


def send_usage_alert(user_id: str, metric: str, used: float) -> None:
    """Yours would send a mail."""
    print(f"  ALERT {user_id}: {metric} is {used}")


def alert_admin(message: str, error_rate: float) -> None:
    """Yours would wake somebody."""
    print(f"ALERT {message}: {error_rate:.0%}")


def main() -> None:
    log_some_requests()
    for user_id in ["tour-ann", "tour-bob", "tour-nobody"]:
        show_user(user_id)
    for row in get_recent_user_activity(limit=2):
        print(f"{row['request_time'][:10]} {row['user_id']}: {row['model']} {row['status']}")
    overview = get_admin_overview()
    print(f"{overview['active_users']} of {overview['total_users']} users are active")
    error_rate = monitor_system_health(alert_admin)
    print("too few requests to judge by" if error_rate is None else f"{error_rate:.0%} of the newest requests failed")


if __name__ == "__main__":
    main()
