"""Tests of llmtally_client against a running server.

Set LLMTALLY_URL and LLMTALLY_KEY (the service key, of a server for tests), then::

    python3 -m unittest test_client
"""

import os
import unittest
import uuid
from typing import Any, List, Optional, Tuple
from unittest import mock

import llmtally_client as llmtally


class ClientTest(unittest.TestCase):
    def setUp(self) -> None:
        self.user = f"user/{uuid.uuid4()} ü?"  # an id that must be escaped

    def log(self, model: str, tokens: int, cost: float, **columns: Any) -> str:
        return llmtally.log_request(
            model, self.user, prompt_tokens=tokens, completion_tokens=0, total_cost=cost, **columns)

    def test_a_user_without_requests_is_an_answer(self) -> None:
        self.assertEqual(llmtally.get_user_analytics(self.user)["total_requests"], 0)
        self.assertEqual(llmtally.get_user_request_history(self.user), [])
        self.assertEqual(llmtally.get_user_token_breakdown(self.user), [])
        self.assertEqual(llmtally.get_user_monthly_usage(self.user), [])
        self.assertEqual(llmtally.get_user_dashboard_data(self.user)["recent_activity"], [])
        self.assertEqual(llmtally.analyze_user_costs(self.user), {
            "total_cost": 0, "most_expensive_model": None, "cost_by_provider": {}, "cost_by_model": {},
            "recommendations": [],
        })

    def test_an_unknown_user_has_the_same_members_as_a_known_one(self) -> None:
        empty = llmtally.get_user_analytics(self.user)
        self.log("m", 1, 0)
        self.assertEqual(set(empty), set(llmtally.get_user_analytics(self.user)))

    def test_totals_history_and_breakdown_agree(self) -> None:
        for n in range(3):
            self.log("openai/m", 100, 0.25, response_time=0.5)
        self.log("anthropic/n", 50, 0.5, status="failure", error={"message": "no"})
        summary = llmtally.get_user_analytics(self.user)
        self.assertEqual((summary["total_requests"], summary["failed_requests"]), (4, 1))
        self.assertEqual((summary["total_tokens_from_logs"], summary["total_cost"]), (350, 1.25))
        self.assertEqual(summary["most_used_model"], "openai/m")
        history = llmtally.get_user_request_history(self.user)
        self.assertEqual([row["model"] for row in history], ["anthropic/n"] + ["openai/m"] * 3)
        breakdown = llmtally.get_user_token_breakdown(self.user)
        self.assertEqual([(row["model"], row["total_tokens"]) for row in breakdown], [("openai/m", 300), ("anthropic/n", 50)])

    def test_history_comes_in_pages(self) -> None:
        ids = [self.log("m", n, 0) for n in range(5)]
        self.assertEqual(len(set(ids)), 5)
        pages = [llmtally.get_user_request_history(self.user, limit=2, offset=offset) for offset in (0, 2, 4)]
        self.assertEqual([row["tokens_used"] for page in pages for row in page], [4, 3, 2, 1, 0])

    def test_months_without_requests_are_there(self) -> None:
        self.log("m", 7, 0.5, created_at="2026-01-31T23:30:00Z")
        months = llmtally.get_user_monthly_usage(self.user, "2026-01-01", "2026-04-01")
        self.assertEqual([m["tokens"] for m in months], [7, 0, 0])
        months = llmtally.get_user_monthly_usage(self.user, "2026-01-01", "2026-04-01", "Europe/Berlin")
        self.assertEqual([m["tokens"] for m in months], [0, 7, 0])

    def test_costs_by_provider_and_model(self) -> None:
        self.log("openai/m", 1, 0.25)
        self.log("openai/n", 1, 0.5)
        self.log("anthropic/o", 1, 2.25)
        self.log("own", 1, 0)
        costs = llmtally.analyze_user_costs(self.user)
        self.assertEqual(costs["total_cost"], 3.0)
        self.assertEqual(costs["most_expensive_model"], "anthropic/o")
        self.assertEqual(costs["cost_by_provider"], {"openai": 0.75, "anthropic": 2.25, "unknown": 0})
        self.assertEqual(len(costs["recommendations"]), 1)

    def exceeded(self) -> List[Tuple[Any, ...]]:
        """The alerts that checking the user's limits sends."""
        alerts: List[Tuple[Any, ...]] = []
        metrics = llmtally.check_user_usage_limits(self.user, lambda *alert: alerts.append(alert))
        self.assertEqual([metric for _, metric, _ in alerts], metrics)
        return alerts

    def test_a_user_without_requests_is_within_limits(self) -> None:
        self.assertEqual(self.exceeded(), [])

    def test_a_limit_is_exceeded_by_the_least_above_it(self) -> None:
        self.log("m", 100_000, 10.0)
        self.assertEqual(self.exceeded(), [], "a limit may be used up")
        self.log("m", 1, 0)
        self.assertEqual(self.exceeded(), [(self.user, "tokens", 100_001)])
        self.log("m", 0, 0.000000001)
        self.assertEqual(self.exceeded(), [(self.user, "cost", 10.000000001), (self.user, "tokens", 100_001)])

    def test_unpriced_requests_cost_nothing(self) -> None:
        llmtally.log_request("m", self.user, prompt_tokens=100_001, completion_tokens=0)
        llmtally.log_request("m", self.user, status="initiated")
        self.assertEqual(self.exceeded(), [(self.user, "tokens", 100_001)])

    def log_newest(self, *statuses: str) -> None:
        """Log requests, newer than all before them."""
        llmtally.Client().post("/logs", [{"model": "m", "status": status} for status in statuses])

    def error_rate(self) -> Tuple[Optional[float], List[Tuple[Any, ...]]]:
        """What monitoring returns, and the alerts that it sends."""
        alerts: List[Tuple[Any, ...]] = []
        return llmtally.monitor_system_health(lambda *alert: alerts.append(alert)), alerts

    def test_a_tenth_of_errors_is_healthy_and_more_is_not(self) -> None:
        self.log_newest(*["success"] * 60 + ["initiated"] * 30 + ["error", "failure"] * 5)
        self.assertEqual(self.error_rate(), (0.1, []))
        self.log_newest("failure")
        self.assertEqual(self.error_rate(), (0.11, [("High error rate detected", 0.11)]))
        self.log_newest(*["success"] * 100)
        self.assertEqual(self.error_rate(), (0.0, []), "the newest hundred alone count")

    def test_few_requests_are_no_verdict(self) -> None:
        def answered(errors: int, requests: int) -> Tuple[Optional[float], List[Tuple[Any, ...]]]:
            rows = [{"status": "failure" if n < errors else "success"} for n in range(requests)]
            with mock.patch.object(llmtally.Client, "get", return_value=rows):
                return self.error_rate()

        self.assertEqual(answered(0, 0), (None, []))
        self.assertEqual(answered(1, 1), (None, []))
        self.assertEqual(answered(19, 19), (None, []))
        self.assertEqual(answered(2, 20), (0.1, []))
        self.assertEqual(answered(3, 20), (0.15, [("High error rate detected", 0.15)]))
        self.assertEqual(answered(3, 30), (0.1, []))

    def test_system_health_is_told_by_model(self) -> None:
        model = f"model-{uuid.uuid4()}"
        for n in range(20):
            self.log(model, 1, 0, response_time=0.5, status="error" if n < 5 else "success")
        health = llmtally.get_system_health("1h", by="model")
        self.assertGreaterEqual(health["requests"], 20)
        of_model = next(row for row in health["models"] if row["model"] == model)
        self.assertEqual((of_model["requests"], of_model["errors"], of_model["error_rate"]), (20, 5, 0.25))
        self.assertEqual(of_model["status"], "degraded")
        self.assertAlmostEqual(of_model["p50"], 0.5, delta=0.016)
        with self.assertRaisesRegex(llmtally.LLMTallyError, "invalid window"):
            llmtally.get_system_health("90m")

    def test_the_same_call_counts_once(self) -> None:
        call_id = str(uuid.uuid4())
        for _ in range(2):
            self.assertEqual(self.log("m", 10, 0, litellm_call_id=call_id), call_id)
        self.assertEqual(llmtally.get_user_analytics(self.user)["total_requests"], 1)

    def test_activity_and_overview_know_the_user(self) -> None:
        self.log("m", 10, 0)
        self.assertIn(self.user, [row["user_id"] for row in llmtally.get_recent_user_activity(limit=50)])
        overview = llmtally.get_admin_overview()
        self.assertIn(self.user, [row["user_id"] for row in overview["recent_activity"]])
        self.assertGreaterEqual(overview["total_users"], overview["active_users"])

    def test_a_refusal_says_why(self) -> None:
        with self.assertRaisesRegex(llmtally.LLMTallyError, "invalid input syntax") as refused:
            llmtally.log_request("m", self.user, prompt_tokens="many")
        self.assertEqual((refused.exception.status, refused.exception.code), (422, "22P02"))
        with self.assertRaises(llmtally.LLMTallyError) as refused:
            llmtally.get_user_analytics(self.user, client=llmtally.Client(key="not.a.token"))
        self.assertEqual(refused.exception.status, 401)

    def test_a_client_needs_a_key(self) -> None:
        with mock.patch.dict(os.environ):
            os.environ.pop("LLMTALLY_KEY", None)
            with self.assertRaisesRegex(ValueError, "LLMTALLY_KEY"):
                llmtally.Client()
            self.assertEqual(llmtally.Client("http://host:1/", "k").url, "http://host:1")


if __name__ == "__main__":
    unittest.main()
