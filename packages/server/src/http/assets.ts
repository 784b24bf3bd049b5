import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";

/** Where the page may load what from: nowhere but here. Mantine writes style elements. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "object-src 'none'",
  "base-uri 'self'",
  "form-action 'self'",
  "frame-ancestors 'self'",
].join("; ");

/** Stand on every answer that a browser may show. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "Content-Security-Policy": CONTENT_SECURITY_POLICY,
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "same-origin",
};

/** Paths of the page's views: all of them are the one document, which reads its own URL. */
export const PAGE_PATHS = [
  "/",
  "/explore",
  "/incidents",
  "/incidents/:id",
  "/silences",
  "/silences/:id",
  "/alerts",
  "/alerts/:id",
  "/routing",
  "/on-call",
  "/targets",
  "/status",
] as const;

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  ico: "image/x-icon",
  js: "text/javascript; charset=utf-8",
  json: "application/json",
  map: "application/json",
  png: "image/png",
  svg: "image/svg+xml",
  txt: "text/plain; charset=utf-8",
  webmanifest: "application/manifest+json",
  woff2: "font/woff2",
};

/** Already compressed, or too small to gain. */
const INCOMPRESSIBLE = new Set(["png", "woff2", "ico"]);
const COMPRESS_SIZE_MIN = 1024;

/** Vite puts a hash into these names: their content never changes. */
const HASHED = /^assets\/.+-[\w-]{8}\.\w+$/;

const DOCUMENT = "index.html";

interface Asset {
  readonly plain: Uint8Array<ArrayBuffer>;
  readonly gzip: Uint8Array<ArrayBuffer> | undefined;
  readonly contentType: string;
  readonly cacheControl: string;
  readonly etag: string;
}

/**
 * The page's files, read and compressed once at start. Only names that are in the map exist, so that no path reaches
 * beyond them.
 */
export class Assets {
  readonly #assets = new Map<string, Asset>();

  /** `pathPrefix` is where the outside world sees the page, without a slash at its end. */
  constructor(files: ReadonlyMap<string, Uint8Array>, pathPrefix = "") {
    for (const [path, bytes] of files) this.#assets.set(path, assetOf(path, bytes));
    const document = files.get(DOCUMENT);
    if (document !== undefined && pathPrefix !== "")
      this.#assets.set(DOCUMENT, assetOf(DOCUMENT, rebased(document, pathPrefix)));
  }

  /** The document that all views are; says what to do where the page has not been built. */
  page(request: Request): Response {
    return this.file(DOCUMENT, request) ?? notBuilt();
  }

  /** A file by its path from the page's root; undefined where there is none. */
  file(path: string, request: Request): Response | undefined {
    const asset = this.#assets.get(path);
    if (asset === undefined) return undefined;
    const { contentType, cacheControl, etag, plain, gzip } = asset;
    const headers: Record<string, string> = {
      ...SECURITY_HEADERS,
      "Content-Type": contentType,
      "Cache-Control": cacheControl,
      ETag: etag,
      Vary: "Accept-Encoding",
    };
    if (request.headers.get("If-None-Match") === etag)
      return new Response(null, { status: 304, headers });
    if (gzip === undefined || !acceptsGzip(request)) return new Response(plain, { headers });
    return new Response(gzip, { headers: { ...headers, "Content-Encoding": "gzip" } });
  }
}

/** The page takes everything, and finds the API, relative to its base. */
function rebased(document: Uint8Array, pathPrefix: string): Uint8Array {
  const href = pathPrefix.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
  const html = new TextDecoder().decode(document);
  return new TextEncoder().encode(html.replace('<base href="/"', () => `<base href="${href}/"`));
}

function assetOf(path: string, bytes: Uint8Array): Asset {
  const extension = path.slice(path.lastIndexOf(".") + 1);
  const compress = !INCOMPRESSIBLE.has(extension) && bytes.length >= COMPRESS_SIZE_MIN;
  const hash = createHash("sha256").update(bytes).digest("base64url");
  return {
    plain: new Uint8Array(bytes),
    gzip: compress ? new Uint8Array(gzipSync(bytes, { level: 9 })) : undefined,
    contentType: CONTENT_TYPES[extension] ?? "application/octet-stream",
    cacheControl: HASHED.test(path) ? "public, max-age=31536000, immutable" : "no-cache",
    // Weak: the compressed and the plain form share it.
    etag: `W/"${hash.slice(0, 16)}"`,
  };
}

function acceptsGzip(request: Request): boolean {
  return /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/.test(
    request.headers.get("Accept-Encoding") ?? "",
  );
}

function notBuilt(): Response {
  const text = "The page has not been built: run `npm run build` in packages/web.\n";
  return new Response(text, {
    status: 503,
    headers: { ...SECURITY_HEADERS, "Content-Type": "text/plain; charset=utf-8" },
  });
}
