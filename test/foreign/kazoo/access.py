"""Access-control lists and authentication."""
from kazoo.exceptions import AuthFailedError, BadVersionError, InvalidACLError, NoAuthError, NoNodeError
from kazoo.security import (
    ACL, CREATOR_ALL_ACL, OPEN_ACL_UNSAFE, READ_ACL_UNSAFE, Id, Permissions, make_acl, make_digest_acl,
    make_digest_acl_credential,
)

from harness import check, equal, raises


@check
def acls_open_by_default(world):
    client = world.client()
    client.create("/a", b"")
    acls, stat = client.get_acls("/a")
    equal(acls, OPEN_ACL_UNSAFE)
    equal((stat.aversion, stat.version), (0, 0))
    raises(NoNodeError, client.get_acls, "/none")
    reader = world.client(default_acl=READ_ACL_UNSAFE)
    reader.create("/r", b"1")
    equal(reader.get_acls("/r")[0], READ_ACL_UNSAFE)
    equal(reader.get("/r")[0], b"1")
    raises(NoAuthError, reader.set, "/r", b"2")
    raises(NoAuthError, reader.create, "/r/child", b"2")


@check
def set_acls_and_versions(world):
    client = world.client()
    client.create("/a", b"")
    mixed = [make_acl("world", "anyone", read=True, admin=True), make_acl("ip", "127.0.0.1", write=True)]
    stat = client.set_acls("/a", mixed)
    equal((stat.aversion, stat.version, stat.cversion), (1, 0, 0))
    equal(client.get_acls("/a")[0], mixed)
    equal(client.set("/a", b"by address").version, 1)
    raises(BadVersionError, client.set_acls, "/a", mixed, version=0)
    equal(client.set_acls("/a", OPEN_ACL_UNSAFE, version=1).aversion, 2)
    raises(NoNodeError, client.set_acls, "/none", mixed)
    raises(InvalidACLError, client.set_acls, "/a", [])
    raises(InvalidACLError, client.set_acls, "/a", [make_acl("nonsense", "x", all=True)])
    raises(InvalidACLError, client.create, "/b", b"", [ACL(Permissions.ALL, Id("world", "someone"))])
    raises(InvalidACLError, client.create, "/b", b"", CREATOR_ALL_ACL)


@check
def digest_keeps_others_out(world):
    owner, stranger = world.client(auth_data=[("digest", "me:secret")]), world.client()
    acl = make_digest_acl("me", "secret", all=True)
    owner.create("/mine", b"data", [acl])
    equal(owner.get_acls("/mine")[0], [acl])
    equal(owner.get("/mine")[0], b"data")
    stranger.sync("/mine")
    raises(NoAuthError, stranger.exists, "/mine")
    raises(NoAuthError, stranger.get, "/mine")
    raises(NoAuthError, stranger.set, "/mine", b"")
    raises(NoAuthError, stranger.get_children, "/mine")
    raises(NoAuthError, stranger.create, "/mine/x", b"")
    raises(NoAuthError, stranger.get_acls, "/mine")
    raises(NoAuthError, stranger.set_acls, "/mine", OPEN_ACL_UNSAFE)
    owner.create("/mine/x", b"")
    raises(NoAuthError, stranger.delete, "/mine/x")
    transaction = stranger.transaction()
    transaction.create("/free", b"")
    transaction.delete("/mine/x")
    equal(type(transaction.commit()[1]), NoAuthError)
    stranger.add_auth("digest", "me:wrong")
    raises(NoAuthError, stranger.get, "/mine")
    stranger.add_auth("digest", "me:secret")
    equal(stranger.get("/mine")[0], b"data")


@check
def creator_all_becomes_the_digest(world):
    client = world.client()
    client.add_auth("digest", "user:p\u00e4ss")
    client.create("/c", b"", CREATOR_ALL_ACL)
    credential = make_digest_acl_credential("user", "p\u00e4ss")
    equal(client.get_acls("/c")[0], [ACL(Permissions.ALL, Id("digest", credential))])


@check
def digests_are_masked_for_readers(world):
    client, reader = world.client(auth_data=[("digest", "u:p")]), world.client()
    open_to_read = [make_digest_acl("u", "p", all=True), make_acl("world", "anyone", read=True)]
    client.create("/m", b"", open_to_read)
    reader.sync("/m")
    equal([acl.id for acl in reader.get_acls("/m")[0]], [Id("digest", "u:x"), Id("world", "anyone")])
    equal(client.get_acls("/m")[0], open_to_read)


@check
def single_permissions(world):
    client, keeper = world.client(), world.client(auth_data=[("digest", "k:k")])
    admin = make_digest_acl("k", "k", all=True)
    calls = {
        "create": lambda: client.create("/n/new", b""),
        "delete": lambda: client.delete("/n/old"),
        "read": lambda: client.get("/n"),
        "write": lambda: client.set("/n", b""),
        "admin": lambda: client.set_acls("/n", [admin, make_acl("world", "anyone", admin=True)]),
    }
    keeper.create("/n", b"", [admin])
    for allowed in calls:
        keeper.set_acls("/n", [admin, make_acl("world", "anyone", **{allowed: True})])
        keeper.sync("/n")
        keeper.ensure_path("/n/old")
        if keeper.exists("/n/new"):
            keeper.delete("/n/new")
        client.sync("/n")
        for name, call in calls.items():
            if name == allowed:
                call()
            else:
                raises(NoAuthError, call)


@check
def authentication_that_fails(world):
    client = world.client()
    raises(AuthFailedError, client.add_auth, "nonsense", "user:password")
