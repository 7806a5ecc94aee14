"""What the dashboard's template shows, made of reports and panels."""
