"""moto's server, with one thing as the service itself has it: in a bucket with a lock S3 takes a checksum of whatever kind
for a write, by the header `x-amz-checksum-…` that carries it. moto looks for the header alone that the cloud's own programs
send beside that. Which one it is follows from the other, so it is added here, and nothing where there is no checksum."""

import moto.server

CARRIES = "HTTP_X_AMZ_CHECKSUM_"
NAMED = "HTTP_X_AMZ_SDK_CHECKSUM_ALGORITHM"


def with_the_name(application):
    def answer(environ, start):
        carried = [key[len(CARRIES) :] for key in environ if key.startswith(CARRIES)]
        if len(carried) == 1:
            environ.setdefault(NAMED, carried[0])
        return application(environ, start)

    return answer


serve = moto.server.run_simple
moto.server.run_simple = lambda host, port, application, **rest: serve(host, port, with_the_name(application), **rest)
moto.server.main()
