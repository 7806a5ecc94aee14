from typing import Any

from channels.auth import login, logout
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.contrib.auth import get_user_model


class Echo(AsyncJsonWebsocketConsumer):
    """Answers with the user's name; logs in and out on request, as channels documents it."""

    async def connect(self) -> None:
        await self.accept()

    async def receive_json(self, content: dict[str, Any], **kwargs: Any) -> None:
        if name := content.get("log in"):
            user = await get_user_model().objects.aget(email=name)
            await login(self.scope, user, backend="django.contrib.auth.backends.ModelBackend")
            await self._save()
        if content.get("log out"):
            await logout(self.scope)
            await self._save()
        await self.send_json({"user": str(self.scope["user"])})

    async def _save(self) -> None:
        from channels.db import database_sync_to_async

        await database_sync_to_async(self.scope["session"].save)()
