"""What the results come to: uptime, latencies."""
