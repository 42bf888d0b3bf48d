#!/usr/bin/env bash
# A Slurm cluster of one controller and two nodes on this machine, for the campaign: slurm.sh start FOLDER | stop FOLDER.
# Needs root and Debian's packages slurm-wlm and munge. Jobs are given no environment, so its configuration must lie in
# /etc/slurm; nothing is written there where a configuration already is.
set -euo pipefail
folder=$2
if [ "$1" = stop ]; then
  for pid in "$folder"/slurm*.pid "$folder"/munge/munged.pid; do [ ! -e "$pid" ] || kill "$(cat "$pid")" || true; done
  [ "$(readlink /etc/slurm/slurm.conf)" != "$folder/slurm.conf" ] || rm /etc/slurm/slurm.conf
  exit
fi
[ ! -e /etc/slurm/slurm.conf ] || { echo "/etc/slurm/slurm.conf is there: this machine has a cluster of its own" >&2; exit 1; }
host=$(hostname -s)
mkdir -p "$folder"/state "$folder"/spool.node1 "$folder"/spool.node2 "$folder"/munge
head -c 1024 /dev/urandom >"$folder"/munge/key
chmod 400 "$folder"/munge/key
chown -R munge "$folder"/munge
cat >"$folder"/slurm.conf <<CONFIGURATION
ClusterName=campaign
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthInfo=socket=$folder/munge/socket
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool.%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.%n.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
MinJobAge=3600
SlurmdParameters=config_overrides
NodeName=node[1-2] NodeHostname=$host NodeAddr=127.0.0.1 Port=[17001-17002] CPUs=1 RealMemory=8000
PartitionName=study Nodes=node[1-2] Default=YES State=UP
CONFIGURATION
ln -s "$folder"/slurm.conf /etc/slurm/slurm.conf
runuser -u munge -- munged --force --key-file="$folder"/munge/key --socket="$folder"/munge/socket \
  --pid-file="$folder"/munge/munged.pid --log-file="$folder"/munge/log --seed-file="$folder"/munge/seed
slurmctld
slurmd -N node1
slurmd -N node2
# The nodes register within a second or two; a job waits for them.
srun --immediate=30 true
