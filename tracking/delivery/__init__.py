"""Tells people of alerts: by webhook, by mail, and the person by a mail with a link "this was not me".

Nothing here runs within a request but the page behind that link. `manage.py send_alerts` makes the passes.
"""
