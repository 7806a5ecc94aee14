"""Keeps and deletes the views that a person has saved."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST

from analytics.access import for_viewers
from analytics.filters import BadFilter
from analytics.panels.saved_views import MOST_KEPT, delete_view, keep_view, name_of
from analytics.period import BadPeriod
from analytics.views.query import parsed
from analytics.words import number

MOST_CHARACTERS = 10_000


@require_POST
@csrf_protect
@for_viewers
def save(request: HttpRequest) -> HttpResponse:
    """Keep the period and the filters of the field `query` under the field `name`."""
    name = name_of(request.POST.get("name", ""))
    try:
        span, _period, filters = parsed(QueryDict(request.POST.get("query", "")[:MOST_CHARACTERS]).dict())
    except (BadPeriod, BadFilter, UnicodeDecodeError) as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(reverse("analytics:dashboard"))
    query = urlencode(span | filters.active)
    if not name:
        messages.error(request, _("Enter a name for the view."))
    elif keep_view(request.user, name, query):
        messages.success(request, _('The view "%(name)s" is saved.') % {"name": name})
    else:
        said = _("You have %(number)s saved views, which is the most; delete one first.")
        messages.error(request, said % {"number": number(MOST_KEPT)})
    return HttpResponseRedirect(f"{reverse('analytics:dashboard')}?{query}")


@require_POST
@csrf_protect
@for_viewers
def delete(request: HttpRequest) -> HttpResponse:
    """Delete the view with the key in the field `view`."""
    key = request.POST.get("view", "")
    if not (key.isascii() and key.isdecimal() and len(key) < 19 and delete_view(request.user, int(key))):
        raise Http404
    messages.success(request, _("The view is deleted."))
    return HttpResponseRedirect(reverse("analytics:dashboard"))
