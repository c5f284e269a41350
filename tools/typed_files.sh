#!/usr/bin/env bash
# The files that mypy holds to strict: the kernel, the engine, documents, and every room's actions and door.
cd "$(dirname "$0")/.."
find src/zhupei/kernel src/zhupei/delivery src/zhupei/documents -name '*.py' -not -path '*/tests/*'
find src/zhupei \( -name actions.py -o -name api.py -o -path '*/actions/*.py' \) -not -path '*/kernel/*' -not -path '*/delivery/*' -not -path '*/documents/*' -not -path '*/tests/*'
