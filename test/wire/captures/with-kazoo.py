import sys
from kazoo.client import KazooClient
from kazoo.exceptions import KazooException
from kazoo.security import make_acl, make_digest_acl

client = KazooClient(hosts=sys.argv[1], timeout=10)
client.start()
client.add_auth("digest", "anna:secret")


def attempt(call, *args, **kwargs):
    try:
        return call(*args, **kwargs)
    except KazooException as error:
        return error


client.ensure_path("/app/config")
client.create("/app/config/colour", b"blue")
client.create("/app/ephemeral", b"", ephemeral=True)
client.create("/app/seq-", b"1", sequence=True)
client.create("/app/both-", b"2", sequence=True, ephemeral=True)
client.create("/app/\u00e9\u4e2d", "gr\u00fc\u00df".encode())
attempt(client.create, "/app/\U0001d11e", b"")
client.create("/app/stat", b"x" * 300, include_data=True)
client.create("/app/deep/er/still", b"", makepath=True)
client.create("/app/acl", b"", acl=[make_digest_acl("anna", "secret", all=True), make_acl("world", "anyone", read=True)])
client.create("/app/mine", b"", acl=[make_acl("auth", "", all=True)])
attempt(client.create, "/app/config", b"")
attempt(client.get, "/missing")
attempt(client.delete, "/app")
attempt(client.set, "/app/config", b"", version=7)
attempt(client.create, "/app/ephemeral/child")
client.get_acls("/app/acl")
client.set_acls("/app/acl", [make_acl("world", "anyone", all=True)], version=0)
client.get("/app/config/colour", watch=print)
client.exists("/app/none", watch=print)
client.get_children("/app", watch=print)
client.get_children("/app", include_data=True)
client.set("/app/config/colour", b"\x00\xff" * 20)
client.create("/app/none", b"")
client.sync("/app")
seen = []
client.DataWatch("/app/config/colour", lambda data, stat: seen.append(data))
client.ChildrenWatch("/app", lambda names: seen.append(names))
transaction = client.transaction()
transaction.check("/app/config", version=0)
transaction.create("/app/t", b"1")
transaction.set_data("/app/config/colour", b"red", version=1)
transaction.delete("/app/none", version=0)
transaction.commit()
failing = client.transaction()
failing.create("/app/u", b"")
failing.delete("/app/missing")
failing.check("/app", version=0)
failing.commit()
with client.Lock("/app/lock", "me"):
    client.Counter("/app/count").__add__(3)
queue = client.Queue("/app/queue")
queue.put(b"one")
queue.get()
client.Party("/app/party", "guest").join()
client.delete("/app", recursive=True)
client.stop()
client.close()
