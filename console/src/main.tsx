import { render } from 'preact'
import { App } from './app.tsx'
import './style/base.css'
import './style/layout.css'
import './style/parts.css'
import './style/form.css'
import './style/table.css'

render(<App />, document.getElementById('app')!)
