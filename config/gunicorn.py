"""How the site is served, on a laptop and on a server: ``gunicorn -c python:config.gunicorn``.

Every value can be changed on the command line or in GUNICORN_CMD_ARGS.
"""

bind = "127.0.0.1:8000"
# Threads, so that a browser's idle connection does not keep a process from everybody else.
# A thread waits for the database's pool at worst, which has room for all of one process.
worker_class = "gthread"
workers = 2
threads = 4
# Loaded once before the processes are made: a wrong setting stops the start, not each worker.
preload_app = True
timeout = 30
graceful_timeout = 10
# A web log would say who looked at what; the access log in the database says what must be said.
accesslog = None
control_socket_disable = True
