import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, type Running, untilOpen } from './processes.ts'

/** Debian's nginx, as fast as it gets: one small file for every address, no access log, as many workers as said. */
export async function startNginx(file: Buffer, contentType: string, workers: number): Promise<Running> {
  const folder = await mkdtemp(join(tmpdir(), 'chancery-nginx-'))
  // Started by root, it gives its processes another user.
  await chmod(folder, 0o755)
  const port = await freePort()
  await writeFile(join(folder, 'answer'), file)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${folder}/${kind};`,
  )
  await writeFile(
    join(folder, 'nginx.conf'),
    `daemon off; worker_processes ${workers}; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 1024; }
http {
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; open_file_cache max=10;
  ${temporary.join(' ')}
  server {
    listen 127.0.0.1:${port} reuseport;
    root ${folder};
    location / { rewrite ^ /answer break; types {} default_type ${contentType}; expires 6h; }
  }
}
`,
  )
  const child: ChildProcess = spawn('/usr/sbin/nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  await once(child, 'spawn')
  await untilOpen(port)
  return {
    process: child,
    port,
    async stop() {
      child.kill('SIGTERM')
      if (child.exitCode === null) await once(child, 'exit')
      await rm(folder, { recursive: true, force: true })
    },
  }
}
