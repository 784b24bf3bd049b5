import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";

const CERTIFICATE = /-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----[^-]*-----END \1-----/g;

/**
 * What is wrong with certificates of authorities; undefined for nothing. As in Prometheus, one that can be read is
 * enough. Node itself says nothing of what it cannot read, and then trusts nobody.
 */
export function authorityProblem(pem: string): string | undefined {
  let reason: string | undefined;
  for (const [certificate] of pem.matchAll(CERTIFICATE))
    try {
      new X509Certificate(certificate);
      return undefined;
    } catch (error) {
      reason ??= reasonOf(error);
    }
  return `holds no certificate in PEM${reason === undefined ? "" : `: ${reason}`}`;
}

/** What is wrong with a client's certificate; undefined for nothing. */
export function certificateProblem(cert: string): string | undefined {
  const reason = refusal({ cert });
  return reason === undefined ? undefined : `holds no certificate in PEM: ${reason}`;
}

/** What is wrong with the key of a certificate that is right; undefined for nothing. */
export function keyProblem(key: string, cert: string | undefined): string | undefined {
  const reason = refusal({ key });
  if (reason !== undefined) return `holds no key in PEM without a passphrase: ${reason}`;
  if (cert === undefined || refusal({ cert, key }) === undefined) return undefined;
  return "is not the key of the certificate";
}

/** Why OpenSSL takes none of it. */
function refusal(options: Parameters<typeof createSecureContext>[0]): string | undefined {
  try {
    createSecureContext(options);
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

/** OpenSSL's reason alone: the rest of its messages names its own files. */
function reasonOf(error: unknown): string {
  const { reason, message } = error as Error & { readonly reason?: string };
  return reason ?? message;
}
