"""The registry 登记: who exists, who they are now, what changed and when; names and numbers stay sealed here."""
