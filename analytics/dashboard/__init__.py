"""Makes the content of the dashboard's template from reports and panels."""
