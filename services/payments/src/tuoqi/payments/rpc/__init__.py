"""Payments' answers by gRPC."""
