"""The ways letters leave, as the settings name them: smarthosts or a folder, and the campaign's own accounts."""

from services.delivery.channels import Channel
from services.delivery.channels.accounts import Account
from services.delivery.channels.bluesky import BlueskyAccount
from services.delivery.channels.mastodon import MastodonAccount
from services.delivery.channels.smarthosts import Smarthosts
from services.delivery.channels.smtp import Smtp
from services.delivery.channels.smtp_pool import Smarthost, SmtpPool, read_smarthosts
from services.delivery.channels.to_folder import ToFolder
from services.delivery.settings import DeliverySettings
from shared.posts.networks import Network


def channel_of(settings: DeliverySettings) -> Channel | None:
    if settings.letters_folder:
        return ToFolder(settings.letters_folder)
    if not settings.smtp_url:
        return None
    hosts = smarthosts_of(settings)
    return Smarthosts([(repr(host), _smtp(host, settings), host.weight) for host in hosts])


def smarthosts_of(settings: DeliverySettings) -> list[Smarthost]:
    return read_smarthosts(
        settings.smtp_url.get_secret_value() if settings.smtp_url else "",
        tls_required=settings.smtp_tls_required,
        ca_file=settings.smtp_ca_file,
        command_seconds_max=settings.smtp_command_seconds_max,
    )


def _smtp(host: Smarthost, settings: DeliverySettings) -> Smtp:
    pool = SmtpPool(
        host,
        connections_max=settings.smtp_connections_max,
        letters_max=settings.smtp_letters_per_connection_max,
    )
    return Smtp(pool, dot_seconds_max=settings.smtp_dot_seconds_max)


def accounts_of(settings: DeliverySettings) -> dict[Network, Account]:
    """Those that everything is set for."""
    accounts: dict[Network, Account] = {}
    if settings.mastodon_url and settings.mastodon_token:
        accounts[Network.MASTODON] = MastodonAccount(settings.mastodon_url, settings.mastodon_token.get_secret_value())
    if settings.bluesky_url and settings.bluesky_handle and settings.bluesky_password:
        password = settings.bluesky_password.get_secret_value()
        accounts[Network.BLUESKY] = BlueskyAccount(settings.bluesky_url, settings.bluesky_handle, password)
    return accounts
