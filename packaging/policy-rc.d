#!/bin/sh
# Asked before a Debian package starts a service, see invoke-rc.d(8):
#
#   policy-rc.d [--quiet] SERVICE ACTIONS [RUNLEVEL]
#
# Speaks only in Holdfast's own package transactions, which name in HOLDFAST_NOT_YET the units that Holdfast itself starts
# once their configuration is there.
[ "${1-}" != --quiet ] || shift
case ${2-} in
    *start*) ;;
    *) exit 0 ;;
esac
for unit in ${HOLDFAST_NOT_YET-}; do
    [ "$unit" != "${1%.service}.service" ] && [ "$unit" != "${1-}" ] || exit 101
done
