import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../test/free-port.ts'
import { type Running, startPeer } from '../processes.ts'
import { tool } from '../tools.ts'

/** Answers every GET with one file, by a worker on each core. */
export async function startNginx(content: Buffer): Promise<Running> {
  const command = tool('nginx')
  const directory = await mkdtemp(join(tmpdir(), 'chancery-bench-nginx-'))
  const port = await freePort()
  await writeFile(join(directory, 'response'), content)
  const config = join(directory, 'nginx.conf')
  await writeFile(
    config,
    `daemon off;
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    worker_processes auto;
    pid ${directory}/pid;
    error_log ${directory}/error.log;
    events {}
    http {
      access_log off;
      keepalive_requests 1000000000;
      open_file_cache max=10;
      default_type application/ocsp-response;
      client_body_temp_path ${directory}; proxy_temp_path ${directory}; fastcgi_temp_path ${directory};
      uwsgi_temp_path ${directory}; scgi_temp_path ${directory};
      server {
        listen 127.0.0.1:${port};
        root ${directory};
        location / { try_files /response =404; }
      }
    }`,
  )
  const running = await startPeer(command, ['-c', config, '-e', join(directory, 'error.log')], port)
  return {
    ...running,
    async stop() {
      await running.stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
