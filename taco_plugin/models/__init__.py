"""Losses for unbalanced classes, and an SSD head that accepts them, unlike the stock one."""
