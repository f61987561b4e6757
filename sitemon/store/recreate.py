"""Dropping user and database, and making them from scratch."""

from sitemon.config.servers import Credentials, PostgresServer
from sitemon.model.errors import RefusedError
from sitemon.store.partitions import DEFAULT_RETENTION, Retention
from sitemon.store.provision import MARK, SERVERS_OWN, Administrator, administration, provision


def recreate(
    server: PostgresServer,
    admin: Credentials,
    owner: Credentials,
    *,
    adopt: bool,
    retention: Retention = DEFAULT_RETENTION,
) -> None:
    """Drop the user and its database, ending everybody's sessions in it, and make both anew.

    All reasons to refuse are looked at before anything is dropped. Interrupted after that, it leaves no database.

    Raises:
        RefusedError: the database has not our mark and is not to be adopted; the user owns something in other
            databases, is a superuser, or is the administrator; or the administrator may not.
        UnreachableError: the server does not answer.

    """
    with administration(server, admin) as session:
        refuse(session, admin, owner, adopt=adopt)
        _drop_database(session, owner)
        session.do("DROP ROLE IF EXISTS {role}", role=owner.user)
    provision(server, admin, owner, retention)


def refuse(session: Administrator, admin: Credentials, owner: Credentials, *, adopt: bool) -> None:
    """Look for reasons not to drop user and database.

    Raises:
        RefusedError: there is one.

    """
    if owner.database in (admin.database, *SERVERS_OWN):
        raise RefusedError(f"database {owner.database} is the server's or the administrator's own; it is not dropped")
    for (comment,) in session.ask("find_database", name=owner.database):
        if comment != MARK and not adopt:
            raise RefusedError(f"database {owner.database} was not made by sitemon; --adopt drops it all the same")
    for is_superuser, _ in session.ask("find_role", name=owner.user):
        if is_superuser or owner.user == admin.user:
            raise RefusedError(f"user {owner.user} is an administrator; it is not dropped")
    if not session.ask("may_drop", role=owner.user, database=owner.database):
        raise RefusedError(f"the administrator may not drop database {owner.database} and user {owner.user}")
    others = [name for (name,) in session.ask("databases_needing_role", role=owner.user, database=owner.database)]
    if others:
        raise RefusedError(f"user {owner.user} is needed in other databases ({', '.join(others)}); it is not dropped")


def _drop_database(session: Administrator, owner: Credentials) -> None:
    if not session.ask("find_database", name=owner.database):
        return
    if session.ask("find_role", name=owner.user) and not session.ask("is_superuser"):
        # Ending somebody's sessions needs membership of their role; this one is dropped in a moment.
        session.do("GRANT {role} TO CURRENT_USER", role=owner.user)
    try:
        session.do("DROP DATABASE {database} WITH (FORCE)", database=owner.database)
    except RefusedError:
        # By force only superusers may end a worker of autovacuum. Without it, PostgreSQL ends these by itself.
        session.ask("end_sessions", database=owner.database)
        session.do("DROP DATABASE {database}", database=owner.database)
