package lib.hosts

# The host of an address, in lower case and without a port.
host(uri) := lower(split(split(split(uri, "://")[1], "/")[0], ":")[0])

known(uri, hosts) if host(uri) in hosts
