import factory

from cortex.models import Pov, Trr, User


class UserFactory(factory.django.DjangoModelFactory[User]):
    class Meta:
        model = User

    email = factory.Sequence(lambda number: f"person{number}@example.com")


class PovFactory(factory.django.DjangoModelFactory[Pov]):
    class Meta:
        model = Pov

    title = "Endpoint protection"
    customer = "Acme"
    owner = factory.SubFactory(UserFactory)


class TrrFactory(factory.django.DjangoModelFactory[Trr]):
    class Meta:
        model = Trr

    title = "Logs leave the region"
    category = Trr.Category.COMPLIANCE
    pov = factory.SubFactory(PovFactory)
