"""What every service's HTTP side shares: problems, pages, security headers, limits, health, metrics."""
