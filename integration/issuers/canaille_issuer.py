"""Runs Canaille, an identity provider that nobody here wrote (https://canaille.yaal.coop), on a free port.

With one user and one client, which gets JWT access tokens for api://tollgate by the user's password
(RFC 6749, section 4.3). Prints its issuer when it listens. After each line on standard input it signs
with a new key, publishes the one before as inactive, and prints "rotated".
"""

import sys
import threading

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server


def new_key():
    return RSAKey.generate_key(2048, auto_kid=True).as_dict(private=True)


def main():
    # The port first: it is in the issuer's name, which the application is made with.
    server = make_server("127.0.0.1", 0, lambda environ, start: [], threaded=True)
    issuer = f"127.0.0.1:{server.server_port}"
    app = create_app(
        {
            "SECRET_KEY": "only of this test",
            "SERVER_NAME": issuer,
            "PREFERRED_URL_SCHEME": "http",
            "CANAILLE_OIDC": {"ACTIVE_JWKS": [new_key()], "INACTIVE_JWKS": []},
        }
    )
    server.app = app
    with app.app_context():
        gateway = models.Client(client_id="api://tollgate", client_name="the gateway")
        Backend.instance.save(gateway)
        caller = models.Client(
            client_id="app-1",
            client_secret="secret",
            client_name="an application",
            grant_types=["password"],
            scope=["openid", "profile"],
            token_endpoint_auth_method="client_secret_post",
            audience=[gateway],
        )
        Backend.instance.save(caller)
        user = models.User(
            user_name="ada",
            family_name="Lovelace",
            emails=["ada@acme.example"],
            password="a password of this test",
        )
        Backend.instance.save(user)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://{issuer}", flush=True)
    for _ in sys.stdin:
        oidc = app.config["CANAILLE_OIDC"]
        # In this order a key that is signed with is published at every moment.
        oidc["INACTIVE_JWKS"] = oidc["ACTIVE_JWKS"]
        oidc["ACTIVE_JWKS"] = [new_key()]
        print("rotated", flush=True)


main()
