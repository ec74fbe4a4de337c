"""The payments service 资金发放: who is due what, paid once, explained, and recovered where it was not due."""
