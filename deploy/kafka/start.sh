#!/bin/sh
# Starts the one broker of a county (KRaft, one node). Clients log in by SCRAM-SHA-256; the controller's listener is
# reached from this container alone and asks for a password too.
set -eu
umask 077

data=/var/lib/kafka/data/log
settings=/tmp/server.properties
password="$(cat /run/secrets/kafka/admin.password)"
kafka() { memory="$1" && shift && java $memory -XX:+UseSerialGC -XX:-UsePerfData -cp '/opt/kafka/libs/*' "$@"; }

cat >"$settings" <<END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:9093
controller.listener.names=CONTROLLER
listeners=CLIENT://0.0.0.0:9092,CONTROLLER://127.0.0.1:9093
advertised.listeners=CLIENT://kafka:9092
inter.broker.listener.name=CLIENT
listener.security.protocol.map=CLIENT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-256
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-256
sasl.mechanism.controller.protocol=PLAIN
listener.name.client.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="admin" password="$password";
listener.name.controller.sasl.enabled.mechanisms=PLAIN
listener.name.controller.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="admin" password="$password" user_admin="$password";
log.dirs=$data
END
cat /etc/tuoqi/broker.properties >>"$settings"

if [ ! -s "$data/meta.properties" ]; then
    cluster="$(kafka -Xmx64m kafka.tools.StorageTool random-uuid | tail -n 1)"
    # By a file: arguments of a process can be read by others.
    printf '%s\n' format -t "$cluster" -c "$settings" --ignore-formatted \
        --add-scram "SCRAM-SHA-256=[name=admin,password=$password]" >/tmp/format.arguments
    kafka -Xmx128m kafka.tools.StorageTool @/tmp/format.arguments
    rm /tmp/format.arguments
fi
# exec, so that the broker itself is told to stop and ends its logs cleanly.
exec java ${KAFKA_MEMORY:--Xms128m -Xmx384m} -XX:MaxMetaspaceSize=128m -XX:+UseSerialGC -XX:-UsePerfData \
    -XX:+ExitOnOutOfMemoryError -Dlog4j2.configurationFile=/etc/tuoqi/log4j2.properties \
    -cp '/opt/kafka/libs/*' kafka.Kafka "$settings"
