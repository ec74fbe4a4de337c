"""The alerts service 预警: what is wrong, who must act by when, and what closed it."""
