#!/bin/sh
# Starts the script of a job in the background and prints its number, as a cluster's command does.
sh "$1" >/dev/null 2>&1 &
echo $!
