"""Make share/passwords/common.sha1: the most common passwords as SHA-1 hashes, in the form of Have I Been Pwned's ordered list.

usage: scripts/lib/common_passwords.py > share/passwords/common.sha1

The passwords are the first 10,000 of eight characters or more (no setting allows fewer) in the frequency list that zxcvbn carries, as
Debian's python3-zxcvbn has it. Its licence and source: share/passwords/README.md.
"""
import hashlib
import sys

WANTED = 10_000
SHORTEST = 8  # the least that password.min_length may be


def main():
    try:
        from zxcvbn.frequency_lists import FREQUENCY_LISTS
    except ImportError:
        sys.exit("common_passwords: python3-zxcvbn is missing. On Debian: apt install python3-zxcvbn")
    common = [word for word in FREQUENCY_LISTS["passwords"] if len(word) >= SHORTEST][:WANTED]
    if len(common) < WANTED:
        sys.exit(f"common_passwords: the list has only {len(common)} passwords of {SHORTEST} characters or more")
    for digest in sorted(hashlib.sha1(word.encode()).hexdigest().upper() for word in common):
        print(digest)


if __name__ == "__main__":
    main()
