"""Parts that every program needs while it runs: backoff, rate limit, clock, logs, telemetry, version."""
