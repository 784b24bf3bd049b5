import { gzipSync } from "node:zlib";
import type { Plugin, Rolldown } from "vite";

const KIB = 1024;

/** What the page may cost before it draws its first line, gzipped. A build that is over fails. */
const SCRIPT_SIZE_MAX = 260 * KIB;
const STYLE_SIZE_MAX = 30 * KIB;
/** Of any script that comes later; the largest is the editor. */
const LAZY_SIZE_MAX = 150 * KIB;

/** Fails the build where the page has grown beyond its budget, and names the chunks. */
export function bundleBudget(): Plugin {
  return {
    name: "bundle-budget",
    apply: "build",
    writeBundle(_options, bundle) {
      const chunks = Object.values(bundle).filter((file) => file.type === "chunk");
      const entry = chunks.find((chunk) => chunk.isEntry);
      if (entry === undefined) return this.error("the build has no entry");
      const initial = staticChunks(entry, bundle);
      const problems: string[] = [];
      const check = (what: string, size: number, sizeMax: number) => {
        const text = `${what}: ${Math.round(size / KIB)} KiB gzipped, ${sizeMax / KIB} allowed`;
        if (size > sizeMax) problems.push(text);
        else this.info(text);
      };
      check("script before the first line", sumOf([...initial].map(gzipSize)), SCRIPT_SIZE_MAX);
      const styles = new Set(
        [...initial].flatMap((chunk) => [...(chunk.viteMetadata?.importedCss ?? [])]),
      );
      check(
        "styles before the first line",
        sumOf([...styles].map((name) => assetSize(bundle[name]))),
        STYLE_SIZE_MAX,
      );
      for (const chunk of chunks)
        if (!initial.has(chunk) && gzipSize(chunk) > 20 * KIB)
          check(chunk.fileName, gzipSize(chunk), LAZY_SIZE_MAX);
      if (problems.length > 0) this.error(problems.join("\n"));
    },
  };
}

/** The entry and all that it imports without waiting. */
function staticChunks(
  entry: Rolldown.OutputChunk,
  bundle: Rolldown.OutputBundle,
): Set<Rolldown.OutputChunk> {
  const found = new Set([entry]);
  for (const chunk of found) {
    for (const name of chunk.imports) {
      const imported = bundle[name];
      if (imported?.type === "chunk") found.add(imported);
    }
  }
  return found;
}

function gzipSize(chunk: Rolldown.OutputChunk): number {
  return gzipSync(chunk.code).byteLength;
}

function assetSize(file: Rolldown.OutputAsset | Rolldown.OutputChunk | undefined): number {
  return file?.type === "asset" ? gzipSync(file.source).byteLength : 0;
}

function sumOf(sizes: readonly number[]): number {
  return sizes.reduce((sum, size) => sum + size, 0);
}
