"""Makes imported_passwords.json: hashes by Python's standard library, bcrypt, argon2-cffi and passlib, none of them ours.

    pip install 'bcrypt<5' argon2-cffi passlib && python imported_passwords.py > imported_passwords.json
"""

import base64
import hashlib
import hmac
import json
import os

import argon2
import bcrypt
from passlib.crypto.digest import lookup_hash
from passlib.hash import ldap_md5, ldap_salted_md5, ldap_salted_sha1, ldap_salted_sha256, ldap_salted_sha512, ldap_sha1

PASSWORD = "Correct-Hörse 7"
cases = []


def case(name, members, password=PASSWORD):
    cases.append({"name": name, "password": password, **members})


def custom(name, algorithm, value, encoding=None, password=PASSWORD, typed=None, hash_members=None, **members):
    hash = {"value": value, **({"encoding": encoding} if encoding else {}), **(hash_members or {})}
    body = {"algorithm": algorithm, "hash": hash, **members}
    if typed:
        body["password"] = {"encoding": typed}
    case(name, {"custom_password_hash": body}, password)


def b64(data):
    return base64.b64encode(data).decode()


def md4(data):
    return lookup_hash("md4").const(data).digest()


# bcrypt, and what it looks at: 72 bytes.
for version in ["2a", "2b"]:
    salt = bcrypt.gensalt(4, version.encode())
    case(f"bcrypt {version}", {"password_hash": bcrypt.hashpw(PASSWORD.encode(), salt).decode()})
made = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4, b"2b")).decode()
case("bcrypt 2y", {"password_hash": made.replace("$2b$", "$2y$")})
case("bcrypt of 72 bytes", {"password_hash": bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()}, "x" * 72)
case("bcrypt of 100 bytes", {"password_hash": bcrypt.hashpw(b"y" * 100, bcrypt.gensalt(4)).decode()}, "y" * 100)
custom("bcrypt as a custom hash", "bcrypt", bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode(), "utf8")
custom("bcrypt of latin1", "bcrypt", bcrypt.hashpw(PASSWORD.encode("latin1"), bcrypt.gensalt(4)).decode(), typed="latin1")

# Argon2, all variants, several lanes.
for name, kind in [("argon2id", argon2.Type.ID), ("argon2i", argon2.Type.I), ("argon2d", argon2.Type.D)]:
    hasher = argon2.PasswordHasher(time_cost=2, memory_cost=256, parallelism=4, hash_len=24, salt_len=12, type=kind)
    custom(name, "argon2", hasher.hash(PASSWORD), "utf8")
hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1, hash_len=32, salt_len=16)
custom("argon2id as ours", "argon2", hasher.hash(PASSWORD))

# scrypt.
salt = os.urandom(16)
for n, r, p, length in [(1024, 8, 1, 64), (16384, 1, 2, 32)]:
    made = hashlib.scrypt(PASSWORD.encode(), salt=salt, n=n, r=r, p=p, dklen=length)
    custom(f"scrypt {n} {r} {p}", "scrypt", made.hex(), "hex", salt={"value": salt.hex(), "encoding": "hex"},
           keylen=length, cost=n, blockSize=r, parallelization=p)
made = hashlib.scrypt(PASSWORD.encode(), salt=b"salty", n=16384, r=8, p=1, dklen=64)
custom("scrypt at its usual cost", "scrypt", b64(made), "base64", salt={"value": "salty"}, keylen=64)

# PBKDF2 as a PHC string.
for digest, length in [("sha1", 20), ("sha256", 32), ("sha384", 48), ("sha512", 64), ("sha1", 50)]:
    made = hashlib.pbkdf2_hmac(digest, PASSWORD.encode(), salt, 1000, length)
    phc = f"$pbkdf2-{digest}$i=1000,l={length}${b64(salt).rstrip('=')}${b64(made).rstrip('=')}"
    custom(f"pbkdf2-{digest} of {length} bytes", "pbkdf2", phc, "utf8")

# Plain digests: the salt on either side or nowhere, every encoding.
for digest in ["md4", "md5", "sha1", "sha256", "sha512"]:
    of = md4 if digest == "md4" else lambda data, digest=digest: hashlib.new(digest, data).digest()
    text = PASSWORD.encode()
    custom(f"{digest} alone, hex", digest, of(text).hex(), "hex")
    custom(f"{digest} salt first, base64", digest, b64(of(b"pepper" + text)), "base64",
           salt={"value": "pepper", "position": "prefix"})
    custom(f"{digest} salt last, HEX", digest, of(text + salt).hex().upper(), "HEX",
           salt={"value": b64(salt), "encoding": "base64", "position": "suffix"})
    custom(f"{digest} of utf16le", digest, of(PASSWORD.encode("utf-16-le")).hex(), "hex", typed="utf16le")
    custom(f"{digest} of latin1", digest, of(PASSWORD.encode("latin1")).hex(), "hex", typed="binary")

# HMAC.
key = os.urandom(200)
for digest in ["md4", "md5", "sha1", "sha224", "sha256", "sha384", "sha512"]:
    if digest == "md4":
        block = key if len(key) <= 64 else md4(key)
        block = block.ljust(64, b"\0")
        made = md4(bytes(b ^ 0x5C for b in block) + md4(bytes(b ^ 0x36 for b in block) + PASSWORD.encode()))
    else:
        made = hmac.new(key, PASSWORD.encode(), digest).digest()
    custom(f"hmac-{digest}", "hmac", made.hex(), "hex",
           hash_members={"digest": digest, "key": {"value": b64(key), "encoding": "base64"}})
made = hmac.new(b"secret", b"pepper" + PASSWORD.encode(), "sha256").hexdigest()
custom("hmac-sha256 with a salt", "hmac", made, "hex", salt={"value": "pepper"},
       hash_members={"digest": "sha256", "key": {"value": "secret"}})

# LDAP (RFC 2307).
for name, kind in [("{MD5}", ldap_md5), ("{SMD5}", ldap_salted_md5), ("{SHA}", ldap_sha1), ("{SSHA}", ldap_salted_sha1),
                   ("{SSHA256}", ldap_salted_sha256), ("{SSHA512}", ldap_salted_sha512)]:
    custom(f"ldap {name}", "ldap", kind.hash(PASSWORD), "utf8")

print(json.dumps(cases, indent=1, ensure_ascii=False))
