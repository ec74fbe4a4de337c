#!/bin/bash
# Whether the broker answers a request (ApiVersions, the one that needs no login): an open port alone proves nothing, and
# a client of Kafka's own would start a Java every time.
set -eu
exec 3<>/dev/tcp/127.0.0.1/9092
# length 10, key 18, version 0, correlation 1, no client id
printf '\x00\x00\x00\x0a\x00\x12\x00\x00\x00\x00\x00\x01\xff\xff' >&3
# The answer: length, the same correlation, error 0.
answer="$(timeout 3 head -c 10 <&3 | od -An -v -tx1 | tr -d ' \n')"
[ "${answer:8:12}" = 000000010000 ]
