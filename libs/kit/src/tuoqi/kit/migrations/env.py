"""Alembic's entry: the connection comes from `tuoqi.kit.migrate`, everything in one transaction."""

from alembic import context


def run() -> None:
    """Run the migrations that are missing."""
    attributes = context.config.attributes
    connection = attributes["connection"].execution_options(isolation_level="READ COMMITTED")
    context.configure(
        connection=connection,
        version_table=attributes["version_table"],
        transactional_ddl=True,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
