from cortex.models.lost_key import LostKey
from cortex.models.pov import Pov
from cortex.models.trr import Trr
from cortex.models.user import User

__all__ = ["LostKey", "Pov", "Trr", "User"]
