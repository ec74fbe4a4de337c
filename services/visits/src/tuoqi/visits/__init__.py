"""The visits service 探访: who must be seen how often, who was seen, and who was missed."""
