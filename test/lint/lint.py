"""Runs pkilint's own commands over many files in one process: each start of Python costs more than a lint.

Reads from standard input [{"kind": "certificate", "files": ["a.der"]}, ...]; a chain has two files, issuer and subject.
Prints, in the same order, the list of findings of each, as [{"severity", "code", "message", "node"}, ...].
"""

import contextlib
import io
import json
import sys

from pkilint.bin import lint_crl, lint_ocsp_response, lint_pkix_cert, lint_pkix_signer_signee_cert_chain

COMMANDS = {
    "certificate": (lint_pkix_cert.main, []),
    "chain": (lint_pkix_signer_signee_cert_chain.main, []),
    "crl": (lint_crl.main, ["-t", "CRL", "-p", "PKIX"]),
    "arl": (lint_crl.main, ["-t", "ARL", "-p", "PKIX"]),
    "ocsp": (lint_ocsp_response.main, []),
}


def lint(kind, files):
    main, options = COMMANDS[kind]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        main(["lint", *options, "-f", "JSON", "-s", "INFO", "--document-format", "DER", *files])
    if not out.getvalue():
        # pkilint's way to say that it could not even read the file.
        return [{"severity": "FATAL", "code": "unreadable", "message": err.getvalue().strip(), "node": ""}]
    return [
        {**finding, "node": result["node_path"]}
        for result in json.loads(out.getvalue())["results"]
        for finding in result["finding_descriptions"]
    ]


json.dump([lint(**job) for job in json.load(sys.stdin)], sys.stdout)
