"""A client of llmtally in one file, with nothing but the standard library.

Copy it into your project, or read it to see what a request looks like::

    from llmtally_client import get_user_analytics, log_request

    log_request("openai/gpt-4o", "ann", prompt_tokens=120, completion_tokens=185)
    print(get_user_analytics("ann")["total_tokens_from_logs"])

The server and the key come from the environment, ``LLMTALLY_URL`` and
``LLMTALLY_KEY``, unless a :class:`Client` is passed. What a call may see depends
on the key: the service key sees every user, a user's token sees that user, and
the anon key may log and nothing else.

A user that is not known, or has no requests, is an answer and not an error:
totals of 0, empty lists.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.parse
import urllib.request
import uuid
from typing import Any, Callable, Dict, List, Optional

Row = Dict[str, Any]

DEFAULT_URL = "http://127.0.0.1:8787"


class LLMTallyError(Exception):
    """An answer that is not a success, with the server's reason."""

    def __init__(self, status: int, reason: str, code: Optional[str] = None) -> None:
        super().__init__(f"{status}: {reason}")
        self.status = status
        self.reason = reason
        self.code = code


class Client:
    """Where llmtally is, and as whom to ask.

    :param url: the server's address; default: ``LLMTALLY_URL``.
    :param key: a key or a user's token; default: ``LLMTALLY_KEY``.
    :param timeout: seconds to wait for an answer.
    """

    def __init__(self, url: Optional[str] = None, key: Optional[str] = None, timeout: float = 30) -> None:
        self.url = (url or os.environ.get("LLMTALLY_URL") or DEFAULT_URL).rstrip("/")
        self.key = key or os.environ.get("LLMTALLY_KEY") or ""
        self.timeout = timeout
        if not self.key:
            raise ValueError("no key: set LLMTALLY_KEY (llmtally keys prints them) or pass one")

    def get(self, path: str, **params: Any) -> Any:
        """Ask for a path below /v1; parameters that are None are left out."""
        query = urllib.parse.urlencode({k: v for k, v in params.items() if v is not None})
        return self._send("GET", path + ("?" + query if query else ""))

    def post(self, path: str, body: Any) -> Any:
        """Send JSON to a path below /v1."""
        return self._send("POST", path, json.dumps(body).encode())

    def _send(self, method: str, path: str, body: Optional[bytes] = None) -> Any:
        request = urllib.request.Request(self.url + "/v1" + path, data=body, method=method)
        request.add_header("Authorization", "Bearer " + self.key)
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(error) from None


def _refusal(error: urllib.error.HTTPError) -> LLMTallyError:
    try:
        problem = json.load(error)
    except ValueError:
        return LLMTallyError(error.code, str(error.reason))
    if problem.get("errors"):  # a log that was refused
        problem = {"detail": problem["errors"][0].get("message"), "code": problem["errors"][0].get("code")}
    return LLMTallyError(error.code, problem.get("detail") or str(error.reason), problem.get("code"))


def _of_user(client: Optional[Client], user_id: str, what: str, default: Any, **params: Any) -> Any:
    """Ask about a user; one that is not known has the default."""
    path = "/users/" + urllib.parse.quote(user_id, safe="") + what
    try:
        return (client or Client()).get(path, **params)
    except LLMTallyError as error:
        if error.status == 404:
            return default
        raise


def log_request(
    model: str,
    user_id: Optional[str] = None,
    *,
    client: Optional[Client] = None,
    **columns: Any,
) -> str:
    """Log one request and return its call id.

    ``columns`` are those of ``request_logs``: ``status`` (default ``success``),
    ``prompt_tokens``, ``completion_tokens``, ``total_cost`` in USD,
    ``response_time`` in seconds, ``messages``, ``response``, ``error``… Tokens
    are also read from ``response["usage"]``. When this returns, the log is on
    disk. Repeating a call with the same ``litellm_call_id`` changes nothing, so
    after a lost connection send it again.
    """
    call_id = columns.setdefault("litellm_call_id", str(uuid.uuid4()))
    log = {"model": model, **columns}
    if user_id is not None:
        log["end_user"] = user_id
    (client or Client()).post("/logs", log)
    return call_id


def get_user_analytics(user_id: str, *, client: Optional[Client] = None) -> Row:
    """Return a user's totals: requests, tokens, cost in USD, favourites."""
    empty = {
        "user_id": user_id, "email": None, "full_name": None, "subscription_tier": None,
        "total_tokens_counter": 0, "total_requests": 0, "successful_requests": 0, "failed_requests": 0,
        "total_tokens_from_logs": 0, "total_cost": 0, "avg_response_time": None,
        "most_used_model": None, "most_used_provider": None, "last_request_time": None,
    }
    return _of_user(client, user_id, "/analytics", empty)


def get_user_request_history(
    user_id: str, limit: int = 50, offset: int = 0, *, client: Optional[Client] = None
) -> List[Row]:
    """Return a user's requests, newest first."""
    return _of_user(client, user_id, "/requests", [], limit=limit, offset=offset)


def get_user_token_breakdown(user_id: str, *, client: Optional[Client] = None) -> List[Row]:
    """Return a user's tokens and cost by model and provider, most tokens first."""
    return _of_user(client, user_id, "/breakdown", [])


def get_user_monthly_usage(
    user_id: str,
    start: Optional[str] = None,
    end: Optional[str] = None,
    tz: Optional[str] = None,
    *,
    client: Optional[Client] = None,
) -> List[Row]:
    """Return a user's months, oldest first, those without requests included.

    :param start: the first day, as ``2026-01-01``; default: twelve months.
    :param end: the first day that is not included; default: this month's end.
    :param tz: the time zone that months are in, as ``Europe/Berlin``; default: UTC.
    """
    return _of_user(client, user_id, "/usage", [], granularity="month", **{"from": start, "to": end, "tz": tz})


def get_recent_user_activity(limit: int = 20, *, client: Optional[Client] = None) -> List[Row]:
    """Return the newest requests of all users whom the key may see."""
    return (client or Client()).get("/activity", limit=limit)


def get_user_dashboard_data(user_id: str, *, client: Optional[Client] = None) -> Dict[str, Any]:
    """Return what a user's page shows: totals, the ten newest requests, the breakdown."""
    return {
        "summary": get_user_analytics(user_id, client=client),
        "recent_activity": get_user_request_history(user_id, limit=10, client=client),
        "usage_breakdown": get_user_token_breakdown(user_id, client=client),
    }


def get_admin_overview(*, client: Optional[Client] = None) -> Dict[str, Any]:
    """Return all users at a glance. This needs the service key."""
    return (client or Client()).get("/overview")


def analyze_user_costs(user_id: str, *, client: Optional[Client] = None) -> Dict[str, Any]:
    """Return where a user's money goes, in USD.

    ``most_expensive_model`` is None for a user who has spent nothing.
    """
    breakdown = get_user_token_breakdown(user_id, client=client)
    by_model = _sum_by(breakdown, "model")
    total = sum(by_model.values())
    return {
        "total_cost": total,
        "most_expensive_model": max(by_model, key=lambda model: by_model[model]) if total > 0 else None,
        "cost_by_provider": _sum_by(breakdown, "provider"),
        "cost_by_model": by_model,
        "recommendations": _recommendations(by_model, total),
    }


def _sum_by(breakdown: List[Row], column: str) -> Dict[str, float]:
    sums: Dict[str, float] = {}
    for row in breakdown:
        name = row[column] or "unknown"
        sums[name] = sums.get(name, 0) + float(row["total_cost"] or 0)
    return sums


def _recommendations(by_model: Dict[str, float], total: float) -> List[str]:
    return [
        f"{model} is {cost / total:.0%} of the cost: see whether a smaller model does as well"
        for model, cost in by_model.items()
        if total > 0 and len(by_model) > 1 and cost / total > 0.5
    ]


# What the two checks below compare with. The server's built-in alert rules are
# the same.
MAX_COST = 10.0  # USD, of one user
MAX_TOKENS = 100_000  # of one user
MAX_ERROR_RATE = 0.1  # of the newest requests of all users
NEWEST_REQUESTS = 100
MIN_REQUESTS = 20  # fewer say nothing about an error rate


def check_user_usage_limits(
    user_id: str,
    send_usage_alert: Callable[[str, str, float], Any],
    *,
    client: Optional[Client] = None,
) -> List[str]:
    """Check whether a user has gone above a usage limit, and return which.

    ``send_usage_alert(user_id, metric, used)`` is called for each limit that
    the user's total is above: metric ``"cost"`` with USD, ``"tokens"`` with a
    count. A total that equals its limit, and a user who is not known, are fine.
    """
    analytics = get_user_analytics(user_id, client=client)
    limits = [
        ("cost", analytics["total_cost"], MAX_COST),
        ("tokens", analytics["total_tokens_from_logs"], MAX_TOKENS),
    ]
    exceeded = [(metric, used) for metric, used, limit in limits if used > limit]
    for metric, used in exceeded:
        send_usage_alert(user_id, metric, used)
    return [metric for metric, _ in exceeded]


def monitor_system_health(
    alert_admin: Callable[[str, float], Any],
    *,
    client: Optional[Client] = None,
) -> Optional[float]:
    """Return the error rate of the newest hundred requests, from 0 to 1.

    Where it is above a tenth, ``alert_admin(message, error_rate)`` is called.
    With fewer than twenty requests there is no verdict: None. Requests that
    have not ended count as such that did not fail. This needs the service key:
    a user's token sees that user's requests alone.
    """
    recent = get_recent_user_activity(limit=NEWEST_REQUESTS, client=client)
    if len(recent) < MIN_REQUESTS:
        return None
    error_rate = sum(row["status"] in ("error", "failure") for row in recent) / len(recent)
    if error_rate > MAX_ERROR_RATE:
        alert_admin("High error rate detected", error_rate)
    return error_rate


def get_system_health(
    window: str = "24h", by: Optional[str] = None, *, client: Optional[Client] = None
) -> Dict[str, Any]:
    """Return how the requests of a window went: errors, response times, a verdict.

    :param window: hours and days up to now, as ``1h``, ``7d`` or ``1d12h``.
    :param by: ``"model"`` for the same of each model, too.

    This needs the service key.
    """
    return (client or Client()).get("/health/system", window=window, by=by)
