// Where and on what a benchmark ran; a figure without it cannot be compared.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const project = join(import.meta.dirname, '..');

export function describeMachine() {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memory_gb: Math.round(totalmem() / 1e8) / 10,
    system: `${platform()} ${release()} ${arch()}`,
  };
}

export async function describeProject() {
  const { version } = JSON.parse(await readFile(join(project, 'package.json'), 'utf8')) as { version: string };
  return { node: process.versions.node, project: version, ...(await commit()) };
}

/** Nothing outside of a clone, or without git. */
async function commit(): Promise<{ commit?: string; changed?: boolean }> {
  const git = async (...args: string[]) => (await promisify(execFile)('git', args, { cwd: project })).stdout.trim();
  try {
    return { commit: await git('rev-parse', 'HEAD'), changed: (await git('status', '--porcelain')) !== '' };
  } catch {
    return {};
  }
}
