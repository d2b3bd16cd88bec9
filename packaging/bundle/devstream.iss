; Inno Setup makes the installer for Windows from the bundle: iscc packaging\bundle\devstream.iss
; No test has run it yet.
#define Version GetEnv("DEVSTREAM_VERSION")

[Setup]
AppId={{6C0E6B1B-6B0E-4C0B-9F0C-2B6E6C1D7A55}
AppName=devstream
AppVersion={#Version}
AppPublisher=devstream contributors
DefaultDirName={autopf}\devstream
DefaultGroupName=devstream
; For one user, without an administrator; the installer asks where both are possible.
PrivilegesRequired=lowest
PrivilegesRequiredOverridesAllowed=dialog
ArchitecturesInstallIn64BitMode=x64compatible
LicenseFile=..\..\LICENSE
OutputDir=..\..\dist
OutputBaseFilename=devstream-{#Version}-setup
Compression=lzma2
SolidCompression=yes
UninstallDisplayIcon={app}\devstreamw.exe
; A tray that runs is ended before its files are replaced, and started again.
CloseApplications=yes
RestartApplications=yes

[Tasks]
Name: login; Description: "Start devstream at login"

[Files]
Source: "..\..\build\package\bundle\devstream\*"; DestDir: "{app}"; Flags: recursesubdirs ignoreversion

[Icons]
Name: "{autoprograms}\devstream"; Filename: "{app}\devstreamw.exe"

[Registry]
; The same value that the settings window writes.
Root: HKCU; Subkey: "Software\Microsoft\Windows\CurrentVersion\Run"; ValueType: string; ValueName: "devstream"; ValueData: """{app}\devstreamw.exe"""; Tasks: login; Flags: uninsdeletevalue

[Run]
Filename: "{app}\devstreamw.exe"; Description: "Start devstream"; Flags: nowait postinstall skipifsilent
