"""Every kind of process the platform runs as, and what each needs: the one table behind `make stack`.

`docker-compose.yml` names the same ones; a test compares.
"""

from dataclasses import dataclass

from deploy.routes import Service


@dataclass(frozen=True)
class Role:
    """`python -m services.<service> <role>`. A `web` role answers on its own port, every other on its health port."""

    service: Service
    role: str

    @property
    def name(self) -> str:
        return f"{self.service}-{self.role}"

    @property
    def module(self) -> str:
        return f"services.{self.service}"

    @property
    def is_web(self) -> bool:
        return self.role == "web"


CASES_WEB = Role(Service.CASES, "web")
CASES_WORKER = Role(Service.CASES, "worker")
CASES_RELAY = Role(Service.CASES, "relay")
ACTIONS_WEB = Role(Service.ACTIONS, "web")
ACTIONS_WORKER = Role(Service.ACTIONS, "worker")
ACTIONS_RELAY = Role(Service.ACTIONS, "relay")
DELIVERY_WEB = Role(Service.DELIVERY, "web")
DELIVERY_WORKER = Role(Service.DELIVERY, "worker")
DELIVERY_SENDER = Role(Service.DELIVERY, "sender")
DELIVERY_INBOUND = Role(Service.DELIVERY, "inbound")
DELIVERY_RELAY = Role(Service.DELIVERY, "relay")

# In the order they are stopped: first who lets work in, last who carries it on.
ROLES = (
    CASES_WEB,
    ACTIONS_WEB,
    DELIVERY_WEB,
    CASES_WORKER,
    ACTIONS_WORKER,
    DELIVERY_WORKER,
    DELIVERY_SENDER,
    DELIVERY_INBOUND,
    CASES_RELAY,
    ACTIONS_RELAY,
    DELIVERY_RELAY,
)
