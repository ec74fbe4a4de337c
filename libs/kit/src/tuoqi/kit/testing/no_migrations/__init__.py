"""An empty folder of migrations, for databases that have the kit's tables only."""
