"""The only SQL of the registry. Whatever names somebody is sealed on the way in and opened on the way out."""
