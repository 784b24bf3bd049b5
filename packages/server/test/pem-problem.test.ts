import { equal, match } from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { rootCertificates } from "node:tls";
import { LOCALHOST_CERTIFICATE, LOCALHOST_KEY } from "@pharos/testing";
import { authorityProblem, certificateProblem, keyProblem } from "../src/config/pem-problem.ts";

const [CERTIFICATE = "", OTHER = ""] = rootCertificates;
const DAMAGED = CERTIFICATE.replace(/\n[^\n]+\n/, "\nAAAA\n");
const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const KEY = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
const LOCKED = privateKey
  .export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "hunter2" })
  .toString();
test("of a bundle of authorities, one that can be read is enough", () => {
  equal(authorityProblem(CERTIFICATE), undefined);
  equal(authorityProblem(`# Two\n${CERTIFICATE}\n${OTHER.replaceAll("\n", "\r\n")}`), undefined);
  equal(authorityProblem(`${DAMAGED}\n${OTHER}`), undefined);
  match(authorityProblem(DAMAGED) ?? "", /^holds no certificate in PEM: [a-z0-9 ]+$/);
  for (const text of ["", "text", KEY])
    equal(authorityProblem(text), "holds no certificate in PEM");
});

test("a client's certificate and its key are what they should be, and belong together", () => {
  equal(certificateProblem(CERTIFICATE), undefined);
  equal(certificateProblem(LOCALHOST_CERTIFICATE), undefined);
  equal(keyProblem(LOCALHOST_KEY, LOCALHOST_CERTIFICATE), undefined);
  match(certificateProblem(DAMAGED) ?? "", /^holds no certificate in PEM: [a-z0-9 ]+$/);
  equal(keyProblem(KEY, undefined), undefined);
  equal(keyProblem(KEY, CERTIFICATE), "is not the key of the certificate");
  for (const text of [CERTIFICATE, LOCKED, "hunter2"]) {
    const problem = keyProblem(text, CERTIFICATE) ?? "";
    match(problem, /^holds no key in PEM without a passphrase: [a-z ]+$/);
    equal(problem.includes("hunter2"), false);
  }
});
