"""The private servers keep what they promised through a crash, hang when told to, and never outlive their starter."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import aio_pika
import asyncpg
import pytest

from deploy.local import binaries, databases
from deploy.local.binaries import NotInstalled
from deploy.local.child import is_alive
from deploy.local.postgres import LocalPostgres
from deploy.local.rabbitmq import LocalRabbitMQ
from tests.support.servers import Databases, private_folder, skip_unless_installed
from tests.support.until import until

ROOT = Path(__file__).parents[2]


async def connect(url: str) -> asyncpg.Connection:
    return await asyncpg.connect(url.replace("+asyncpg", ""), timeout=5)


async def publish(url: str, queue: str, body: bytes) -> None:
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        await channel.declare_queue(queue, durable=True, arguments={"x-queue-type": "quorum"})
        message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, routing_key=queue)


async def get(url: str, queue: str) -> bytes:
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        found = await (await channel.get_queue(queue)).get(timeout=10)
        await found.ack()
        return found.body


async def test_what_the_broker_confirmed_survives_its_kill(own_rabbitmq: LocalRabbitMQ) -> None:
    await publish(own_rabbitmq.url, "kept", b"a letter")
    own_rabbitmq.kill()
    with pytest.raises((OSError, aio_pika.exceptions.AMQPError)):
        await get(own_rabbitmq.url, "kept")
    own_rabbitmq.start()
    assert await get(own_rabbitmq.url, "kept") == b"a letter"


async def test_a_frozen_broker_hangs_until_thawed_and_a_wiped_one_is_empty(own_rabbitmq: LocalRabbitMQ) -> None:
    await publish(own_rabbitmq.url, "kept", b"a letter")
    own_rabbitmq.freeze()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await publish(own_rabbitmq.url, "kept", b"another")
    own_rabbitmq.thaw()
    await publish(own_rabbitmq.url, "kept", b"a third")
    own_rabbitmq.wipe()
    assert "kept" not in own_rabbitmq.ctl("list_queues", "name")


async def test_a_broker_knows_no_guest_and_no_plugin(own_rabbitmq: LocalRabbitMQ) -> None:
    users = own_rabbitmq.ctl("list_users", "--formatter", "json")
    assert '"guest"' not in users
    with pytest.raises(aio_pika.exceptions.AMQPError):
        await aio_pika.connect(f"amqp://guest:guest@127.0.0.1:{own_rabbitmq.port}/")


async def test_a_virtual_host_of_ones_own_sees_no_queue_of_another(own_rabbitmq: LocalRabbitMQ) -> None:
    await publish(own_rabbitmq.url, "kept", b"a letter")
    url = own_rabbitmq.create_vhost("aside")
    await publish(url, "kept", b"another")
    assert await get(url, "kept") == b"another"
    assert await get(own_rabbitmq.url, "kept") == b"a letter"


async def test_what_was_committed_survives_the_kill_of_every_server_process(own_postgres: LocalPostgres) -> None:
    url = own_postgres.create_database("kept")
    connection = await connect(url)
    await connection.execute("CREATE TABLE letter (body text); INSERT INTO letter VALUES ('a letter')")
    own_postgres.kill()
    with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
        await connection.fetchval("SELECT body FROM letter")
    connection.terminate()
    own_postgres.start()
    again = await connect(url)
    assert await again.fetchval("SELECT body FROM letter") == "a letter"
    assert await again.fetchval("SHOW fsync") == "on"
    await again.close()


async def test_a_frozen_database_hangs_until_thawed(own_postgres: LocalPostgres) -> None:
    connection = await connect(own_postgres.url)
    own_postgres.freeze()
    answer = asyncio.create_task(connection.fetchval("SELECT 1"))
    done, _ = await asyncio.wait({answer}, timeout=0.5)
    assert not done
    own_postgres.thaw()
    assert await answer == 1
    await connection.close()


async def test_the_database_asks_for_the_password(own_postgres: LocalPostgres) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"postgresql://w4r:wrong@127.0.0.1:{own_postgres.port}/postgres")


async def test_a_second_start_in_the_same_folder_finds_the_data_again() -> None:
    with private_folder() as folder:
        first = LocalPostgres(folder / "server")
        first.start()
        first.create_database("kept")
        first.stop()
        second = LocalPostgres(folder / "server")
        second.start()
        try:
            assert second.has_database("kept")
        finally:
            second.stop()


def test_fresh_databases_are_dropped_after_use(postgres_admin_url: str) -> None:
    made = Databases(postgres_admin_url)
    name = made.create_database().rsplit("/", 1)[1]
    assert databases.has_database(postgres_admin_url, name)
    made.drop_databases()
    assert not databases.has_database(postgres_admin_url, name)


STARTS_A_SERVER_AND_WAITS = """
import sys, time
from pathlib import Path
from deploy.local.postgres import LocalPostgres
server = LocalPostgres(Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
time.sleep(60)
"""


async def test_a_server_does_not_outlive_a_starter_that_was_killed(postgres_admin_url: str) -> None:
    with private_folder() as folder:
        command = [sys.executable, "-c", STARTS_A_SERVER_AND_WAITS, str(folder / "server")]
        starter = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        assert is_alive(pid)
        os.kill(starter.pid, signal.SIGKILL)
        starter.communicate()
        await until(lambda: not is_alive(pid), timeout_seconds=10)


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_a_missing_server_is_a_skip_on_a_desk_and_a_failure_in_ci(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="apt-get install rabbitmq-server"), skip_unless_installed():
        raise NotInstalled(binaries.RABBITMQ)
