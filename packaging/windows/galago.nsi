; The installer for Windows: for one person, without an administrator. Made by scripts/packages-windows.sh, which gives
;   NAME, VERSION, NUMBERS (1.2.3.4), ID, COMPANY, COPYRIGHT   as FyneApp.toml and LICENSE have them
;   STAGE      the folder with everything that is installed
;   LISTS      a script with the macros Files and Folders: what lies in STAGE
;   LISTFILE   the same list as lines, which becomes files.txt
;   KILOBYTES  its size
;   ICON, PICTURE, OUT, SIGN (the command that signs the uninstaller)
;
; What is installed is written down in files.txt beside the program. Only what stands there is ever replaced or removed:
; the folder is the person's choice, and may have other things in it.

Unicode true
Target amd64-unicode
SetCompressor /SOLID lzma
SetCompressorDictSize 64
RequestExecutionLevel user
ManifestDPIAware true
ManifestLongPathAware true
ManifestSupportedOS Win10

!include MUI2.nsh
!include LogicLib.nsh
!include WinVer.nsh
!include FileFunc.nsh
!include TextFunc.nsh
!include nsDialogs.nsh
!include "${LISTS}"

!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\${ID}"
!define CLASSES "Software\Classes"
!define CAPABILITIES "Software\${NAME}\Capabilities"
!define APP_PATH "Software\Microsoft\Windows\CurrentVersion\App Paths\galago.exe"
!define NEW ".galago-new" ; what is being installed
!define OLD ".galago-old" ; what it replaces, until all is in its place
!define LIST "files.txt"

Name "${NAME}"
OutFile "${OUT}"
BrandingText "${NAME} ${VERSION}"
InstallDir "$LOCALAPPDATA\Programs\${NAME}"
InstallDirRegKey HKCU "${UNINSTALL}" "InstallLocation"
AllowSkipFiles off
SetOverwrite on
SetDateSave on

VIProductVersion "${NUMBERS}"
VIAddVersionKey /LANG=0 "ProductName" "${NAME}"
VIAddVersionKey /LANG=0 "ProductVersion" "${VERSION}"
VIAddVersionKey /LANG=0 "FileVersion" "${VERSION}"
VIAddVersionKey /LANG=0 "FileDescription" "${NAME} Setup"
VIAddVersionKey /LANG=0 "CompanyName" "${COMPANY}"
VIAddVersionKey /LANG=0 "LegalCopyright" "${COPYRIGHT}"

; ---------------------------------------------------------------------------------------------------------- pages

!define MUI_ICON "${ICON}"
!define MUI_UNICON "${ICON}"
!define MUI_WELCOMEFINISHPAGE_BITMAP "${PICTURE}"
!define MUI_ABORTWARNING
!define MUI_FINISHPAGE_NOAUTOCLOSE
!define MUI_FINISHPAGE_RUN "$INSTDIR\galago.exe"
!define MUI_FINISHPAGE_SHOWREADME
!define MUI_FINISHPAGE_SHOWREADME_NOTCHECKED
!define MUI_FINISHPAGE_SHOWREADME_TEXT "$(DesktopShortcut)"
!define MUI_FINISHPAGE_SHOWREADME_FUNCTION AddDesktopShortcut

!insertmacro MUI_PAGE_WELCOME
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH

UninstPage custom un.AskForData un.TakeAnswers
!insertmacro MUI_UNPAGE_INSTFILES

; The first is for systems in other languages.
!insertmacro MUI_LANGUAGE "English"
!insertmacro MUI_LANGUAGE "German"
!insertmacro MUI_LANGUAGE "Spanish"
!insertmacro MUI_LANGUAGE "SimpChinese"
!include languages.nsh

; ------------------------------------------------------------------------------------- for installer and uninstaller

!macro Shared UN

; Programs that run cannot be opened for writing. Installing over them would fail halfway, so the person closes them first.
; Where nobody can be asked, nothing is done, and the exit code is 2.
Function ${UN}AwaitClosed
	again:
	StrCpy $R1 ""
	StrCpy $R0 "galago.exe"
	Call ${UN}NoteIfOpen
	StrCpy $R0 "galago-engine.exe"
	Call ${UN}NoteIfOpen
	${If} $R1 != ""
		MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "$(StillOpen)" /SD IDCANCEL IDRETRY again
		SetErrorLevel 2
		Quit
	${EndIf}
FunctionEnd

Function ${UN}NoteIfOpen ; $R0: a program's file; if it runs, its path is $R1 afterwards
	${If} ${FileExists} "$INSTDIR\$R0"
		ClearErrors
		FileOpen $R2 "$INSTDIR\$R0" a
		${If} ${Errors}
			StrCpy $R1 "$INSTDIR\$R0"
		${Else}
			FileClose $R2
		${EndIf}
	${EndIf}
FunctionEnd

; Removes a folder that is Galago's alone, with all that is in it. Links are removed, never followed.
Function ${UN}DeleteTree ; the path is on the stack
	Exch $0
	Push $1
	Push $2
	System::Call 'kernel32::GetFileAttributesW(w r0) i .r1'
	IntOp $2 $1 & 0x400 ; a link to elsewhere; what is not there has all bits set
	${If} $2 = 0
		FindFirst $1 $2 "$0\*.*"
		${DoWhile} $2 != ""
			${If} $2 != "."
			${AndIf} $2 != ".."
				Push "$0\$2"
				Call ${UN}DeleteEntry
			${EndIf}
			FindNext $1 $2
		${Loop}
		FindClose $1
	${EndIf}
	RMDir "$0"
	Pop $2
	Pop $1
	Pop $0
FunctionEnd

Function ${UN}DeleteEntry ; the path is on the stack
	Exch $0
	Push $1
	System::Call 'kernel32::GetFileAttributesW(w r0) i .r1'
	IntOp $1 $1 & 0x10 ; a folder
	${If} $1 = 0
		SetFileAttributes "$0" NORMAL
		Delete "$0"
	${Else}
		Push "$0"
		Call ${UN}DeleteTree
	${EndIf}
	Pop $1
	Pop $0
FunctionEnd

; Tells the system that what opens which files has changed.
Function ${UN}Refresh
	System::Call 'shell32::SHChangeNotify(i 0x08000000, i 0x1000, p 0, p 0)'
FunctionEnd

!macroend
!insertmacro Shared ""
!insertmacro Shared "un."

; The pictures that Galago opens. Each is offered as one more program for them; none is taken from another program.
!macro Pictures ACTION
	!insertmacro ${ACTION} ".avif"
	!insertmacro ${ACTION} ".bmp"
	!insertmacro ${ACTION} ".gif"
	!insertmacro ${ACTION} ".heic"
	!insertmacro ${ACTION} ".heif"
	!insertmacro ${ACTION} ".jpeg"
	!insertmacro ${ACTION} ".jpg"
	!insertmacro ${ACTION} ".png"
	!insertmacro ${ACTION} ".tif"
	!insertmacro ${ACTION} ".tiff"
	!insertmacro ${ACTION} ".webp"
!macroend

; -------------------------------------------------------------------- what is done with each file, folder and kind of picture

!macro Extract DIR FILE SOURCE
	SetOutPath "$INSTDIR\${NEW}${DIR}"
	File "${STAGE}/${SOURCE}"
!macroend

; $R1 is the first file that could not be moved.
!macro Place DIR FILE SOURCE
	${If} $R1 == ""
		${If} "${DIR}" != ""
			CreateDirectory "$INSTDIR${DIR}"
		${EndIf}
		ClearErrors
		Rename "$INSTDIR\${NEW}${DIR}\${FILE}" "$INSTDIR${DIR}\${FILE}"
		${If} ${Errors}
			StrCpy $R1 "$INSTDIR${DIR}\${FILE}"
		${EndIf}
	${EndIf}
!macroend

!macro CheckPlace DIR FILE SOURCE
	${If} ${FileExists} "$INSTDIR${DIR}\${FILE}"
		StrCpy $R1 "$INSTDIR${DIR}\${FILE}"
	${EndIf}
!macroend

; A file that is no longer in NEW has been placed.
!macro TakeAway DIR FILE SOURCE
	${IfNot} ${FileExists} "$INSTDIR\${NEW}${DIR}\${FILE}"
		Delete "$INSTDIR${DIR}\${FILE}"
	${EndIf}
!macroend

!macro RemoveFolder DIR
	RMDir "$INSTDIR${DIR}"
!macroend

!macro Remove DIR FILE SOURCE
	Delete "$INSTDIR${DIR}\${FILE}"
!macroend

!macro RegisterPicture EXT
	WriteRegStr HKCU "${CLASSES}\Applications\galago.exe\SupportedTypes" "${EXT}" ""
	WriteRegStr HKCU "${CAPABILITIES}\FileAssociations" "${EXT}" "${NAME}.Picture"
!macroend

; ------------------------------------------------------------------------------------------------------- installing

Var Extracted ; "1" once everything lies in NEW
Var Before    ; where an earlier version was installed

Function .onInit
	; Two installers at the same time would step on each other's toes.
	System::Call 'kernel32::CreateMutexW(p 0, i 0, w "${ID}.setup") p .r0 ?e'
	Pop $1
	${If} $1 = 183
		MessageBox MB_OK|MB_ICONEXCLAMATION "$(OtherSetup)" /SD IDOK
		SetErrorLevel 2
		Quit
	${EndIf}
	${IfNot} ${AtLeastWin10}
		MessageBox MB_OK|MB_ICONSTOP "$(NeedsWindows10)" /SD IDOK
		SetErrorLevel 2
		Quit
	${EndIf}
FunctionEnd

; The steps are such that Galago is there before and after, and what is there is of one version. Everything is unpacked
; beside the old version, which is where a full disk shows. Then files change places, by renaming alone. If one cannot,
; all go back.
Section "${NAME}"
	Call AwaitClosed
	ReadRegStr $Before HKCU "${UNINSTALL}" "InstallLocation"
	SetDetailsPrint textonly
	!insertmacro Files Extract
	SetOutPath "$INSTDIR\${NEW}"
	File "/oname=${LIST}" "${LISTFILE}"
	WriteUninstaller "$INSTDIR\${NEW}\uninstall.exe"
	SetOutPath "$INSTDIR"
	StrCpy $Extracted "1"
	SetDetailsPrint both

	GetFunctionAddress $R9 MoveAway
	Call EachOld
	${If} $R1 != ""
		Call PutBack
		Abort "$(CannotReplace)"
	${EndIf}
	Call CheckPlaces
	${If} $R1 != ""
		Call PutBack
		Abort "$(NotOurs)"
	${EndIf}
	; The list first: from here on it says what a next attempt may replace.
	StrCpy $R1 ""
	!insertmacro Place "" "${LIST}" ""
	!insertmacro Files Place
	!insertmacro Place "" "uninstall.exe" ""
	${If} $R1 != ""
		Call PutBack
		Abort "$(CannotReplace)"
	${EndIf}
	GetFunctionAddress $R9 ForgetFolder
	Call EachOld
	StrCpy $Extracted ""
	Call RemoveScratch
	Call LeaveBefore
	Call Register
SectionEnd

; Calls the function $R9 with each file of the version that was there before as $R0, the list itself last.
; It stops when one leaves a text in $R1.
Function EachOld
	StrCpy $R1 ""
	ClearErrors
	FileOpen $R8 "$INSTDIR\${OLD}\${LIST}" r
	${If} ${Errors}
		ClearErrors
		FileOpen $R8 "$INSTDIR\${LIST}" r
		${If} ${Errors}
			Return
		${EndIf}
	${EndIf}
	${Do}
		ClearErrors
		FileRead $R8 $R0
		${If} ${Errors}
			${ExitDo}
		${EndIf}
		${TrimNewLines} "$R0" $R0
		Call CheckName
		${If} $R0 != ""
			Call $R9
		${EndIf}
	${LoopUntil} $R1 != ""
	FileClose $R8
	${If} $R1 == ""
		StrCpy $R0 "${LIST}"
		Call $R9
	${EndIf}
FunctionEnd

; The list lies where others can write. What leads out of the folder is not taken from it, nor is the list itself.
Function CheckName ; $R0 in and out
	${If} $R0 == "${LIST}"
		StrCpy $R0 ""
		Return
	${EndIf}
	StrCpy $R2 $R0
	${DoWhile} $R2 != ""
		StrCpy $R3 $R2 1
		StrCpy $R4 $R2 2
		${If} $R3 == ":"
		${OrIf} $R4 == ".."
		${OrIf} $R4 == "\\"
			StrCpy $R0 ""
			Return
		${EndIf}
		StrCpy $R2 $R2 "" 1
	${Loop}
FunctionEnd

Function MoveAway ; $R0: a file of the old version
	${IfNot} ${FileExists} "$INSTDIR\$R0"
		Return
	${EndIf}
	${GetParent} "$INSTDIR\${OLD}\$R0" $R2
	CreateDirectory "$R2"
	Delete "$INSTDIR\${OLD}\$R0" ; left by an attempt that the power went out on
	ClearErrors
	Rename "$INSTDIR\$R0" "$INSTDIR\${OLD}\$R0"
	${If} ${Errors}
		StrCpy $R1 "$INSTDIR\$R0"
	${EndIf}
FunctionEnd

Function MoveBack ; $R0: a file of the old version
	${IfNot} ${FileExists} "$INSTDIR\$R0"
	${AndIf} ${FileExists} "$INSTDIR\${OLD}\$R0"
		Rename "$INSTDIR\${OLD}\$R0" "$INSTDIR\$R0"
	${EndIf}
FunctionEnd

Function ForgetFolder ; $R0: a file of the old version, whose folder the new one may not have
	${GetParent} "$INSTDIR\$R0" $R2
	${If} $R2 != $INSTDIR
		RMDir "$R2"
	${EndIf}
FunctionEnd

; $R1 is the first file that is in the way: no version of Galago has put it there.
Function CheckPlaces
	StrCpy $R1 ""
	!insertmacro Files CheckPlace
	!insertmacro CheckPlace "" "${LIST}" ""
	!insertmacro CheckPlace "" "uninstall.exe" ""
FunctionEnd

; Takes the new version away as far as it has come, and brings the old one back.
Function PutBack
	Push $R1
	!insertmacro Files TakeAway
	!insertmacro TakeAway "" "uninstall.exe" ""
	!insertmacro TakeAway "" "${LIST}" ""
	!insertmacro Folders RemoveFolder
	GetFunctionAddress $R9 MoveBack
	Call EachOld
	StrCpy $Extracted ""
	Call RemoveScratch
	Pop $R1
FunctionEnd

Function RemoveScratch
	SetOutPath "$TEMP"
	Push "$INSTDIR\${NEW}"
	Call DeleteTree
	Push "$INSTDIR\${OLD}"
	Call DeleteTree
	SetOutPath "$INSTDIR"
FunctionEnd

Function .onInstFailed
	${If} $Extracted == ""
		; Unpacking has failed, or all was put back: what was there before is as it was.
		SetOutPath "$TEMP"
		Push "$INSTDIR\${NEW}"
		Call DeleteTree
		RMDir "$INSTDIR"
	${EndIf}
FunctionEnd

; Removes an earlier version from another folder, with its own uninstaller.
Function LeaveBefore
	${If} $Before != ""
	${AndIf} $Before != $INSTDIR
	${AndIf} ${FileExists} "$Before\${LIST}"
		ExecWait '"$Before\uninstall.exe" /S _?=$Before' $0
		${If} $0 = 0
			Delete "$Before\uninstall.exe"
			RMDir "$Before"
		${EndIf}
	${EndIf}
FunctionEnd

Function Register
	SetOutPath "$INSTDIR" ; the folder in which the shortcut starts Galago
	CreateShortcut "$SMPROGRAMS\${NAME}.lnk" "$INSTDIR\galago.exe" "" "$INSTDIR\galago.exe" 0 SW_SHOWNORMAL "" "$(Description)"
	WriteRegStr HKCU "${APP_PATH}" "" "$INSTDIR\galago.exe"

	WriteRegStr HKCU "${CLASSES}\Applications\galago.exe" "FriendlyAppName" "${NAME}"
	WriteRegStr HKCU "${CLASSES}\Applications\galago.exe\DefaultIcon" "" "$INSTDIR\galago.exe,0"
	WriteRegStr HKCU "${CLASSES}\Applications\galago.exe\shell\open\command" "" '"$INSTDIR\galago.exe" "%1"'
	WriteRegStr HKCU "${CLASSES}\Applications\galago.exe\SupportedTypes" ".gguf" ""
	WriteRegStr HKCU "${CLASSES}\${NAME}.Picture" "" "$(Picture)"
	WriteRegStr HKCU "${CLASSES}\${NAME}.Picture\shell\open\command" "" '"$INSTDIR\galago.exe" "%1"'
	WriteRegStr HKCU "${CLASSES}\${NAME}.Model" "" "$(Model)"
	WriteRegStr HKCU "${CLASSES}\${NAME}.Model\DefaultIcon" "" "$INSTDIR\galago.exe,0"
	WriteRegStr HKCU "${CLASSES}\${NAME}.Model\shell\open\command" "" '"$INSTDIR\galago.exe" "%1"'
	WriteRegStr HKCU "${CLASSES}\.gguf\OpenWithProgids" "${NAME}.Model" ""

	WriteRegStr HKCU "${CAPABILITIES}" "ApplicationName" "${NAME}"
	WriteRegStr HKCU "${CAPABILITIES}" "ApplicationDescription" "$(Description)"
	WriteRegStr HKCU "${CAPABILITIES}" "ApplicationIcon" "$INSTDIR\galago.exe,0"
	WriteRegStr HKCU "${CAPABILITIES}\FileAssociations" ".gguf" "${NAME}.Model"
	!insertmacro Pictures RegisterPicture
	WriteRegStr HKCU "Software\RegisteredApplications" "${NAME}" "${CAPABILITIES}"

	WriteRegStr HKCU "${UNINSTALL}" "DisplayName" "${NAME}"
	WriteRegStr HKCU "${UNINSTALL}" "DisplayVersion" "${VERSION}"
	WriteRegStr HKCU "${UNINSTALL}" "DisplayIcon" "$INSTDIR\galago.exe,0"
	WriteRegStr HKCU "${UNINSTALL}" "Publisher" "${COMPANY}"
	WriteRegStr HKCU "${UNINSTALL}" "InstallLocation" "$INSTDIR"
	WriteRegStr HKCU "${UNINSTALL}" "UninstallString" '"$INSTDIR\uninstall.exe"'
	WriteRegStr HKCU "${UNINSTALL}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
	WriteRegDWORD HKCU "${UNINSTALL}" "EstimatedSize" "${KILOBYTES}"
	WriteRegDWORD HKCU "${UNINSTALL}" "NoModify" 1
	WriteRegDWORD HKCU "${UNINSTALL}" "NoRepair" 1
	Call Refresh
FunctionEnd

Function AddDesktopShortcut
	SetOutPath "$INSTDIR"
	CreateShortcut "$DESKTOP\${NAME}.lnk" "$INSTDIR\galago.exe" "" "$INSTDIR\galago.exe" 0 SW_SHOWNORMAL "" "$(Description)"
	WriteRegDWORD HKCU "${UNINSTALL}" "DesktopShortcut" 1
FunctionEnd

; ----------------------------------------------------------------------------------------------------- uninstalling

!ifdef SIGN
	!uninstfinalize '${SIGN} "%1"' = 0
!endif

!define DATA "$LOCALAPPDATA\galago"

Var Conversations ; each "1" if it is to be deleted
Var Models
Var Rest
Var BoxConversations
Var BoxModels
Var BoxRest

Function un.onInit
	; Copied elsewhere, the uninstaller would take other files for Galago's.
	${IfNot} ${FileExists} "$INSTDIR\${LIST}"
		MessageBox MB_OK|MB_ICONSTOP "$(un.NotHere)" /SD IDOK
		SetErrorLevel 2
		Quit
	${EndIf}
FunctionEnd

Function un.AskForData
	!insertmacro MUI_HEADER_TEXT "$(un.Title)" "$(un.Subtitle)"
	nsDialogs::Create 1018
	Pop $0
	${NSD_CreateLabel} 0 0 100% 36u "$(un.Question)"
	Pop $0
	${NSD_CreateCheckbox} 0 44u 100% 12u "$(un.DeleteConversations)"
	Pop $BoxConversations
	StrCpy $2 "${DATA}\models"
	Call un.Megabytes
	${NSD_CreateCheckbox} 0 62u 100% 12u "$(un.DeleteModels)"
	Pop $BoxModels
	${NSD_CreateCheckbox} 0 80u 100% 12u "$(un.DeleteRest)"
	Pop $BoxRest
	${NSD_CreateLabel} 0 106u 100% 24u "$(un.Program) $INSTDIR"
	Pop $0
	GetDlgItem $0 $HWNDPARENT 1
	SendMessage $0 ${WM_SETTEXT} 0 "STR:$(un.Button)"
	nsDialogs::Show
FunctionEnd

Function un.Megabytes ; $2: a folder; $3 is its size in MB afterwards
	StrCpy $3 "0"
	${If} ${FileExists} "$2\*.*"
		${GetSize} "$2" "/S=0M" $3 $4 $5
	${EndIf}
FunctionEnd

Function un.TakeAnswers
	${NSD_GetState} $BoxConversations $Conversations
	${NSD_GetState} $BoxModels $Models
	${NSD_GetState} $BoxRest $Rest
FunctionEnd

Section "Uninstall"
	Call un.AwaitClosed
	SetOutPath "$TEMP" ; a folder that is in use cannot be removed
	!insertmacro Files Remove
	!insertmacro Folders RemoveFolder
	Call un.Unregister
	Delete "$INSTDIR\${LIST}"
	Delete "$INSTDIR\uninstall.exe"
	RMDir "$INSTDIR"
	Call un.DeleteData
SectionEnd

; What the installer has told the system, unless another folder's installer has told it since.
Function un.Unregister
	ReadRegStr $0 HKCU "${UNINSTALL}" "InstallLocation"
	${If} $0 != $INSTDIR
		Return
	${EndIf}
	ReadRegDWORD $0 HKCU "${UNINSTALL}" "DesktopShortcut"
	${If} $0 = 1
		Delete "$DESKTOP\${NAME}.lnk"
	${EndIf}
	Delete "$SMPROGRAMS\${NAME}.lnk"
	DeleteRegKey HKCU "${APP_PATH}"
	DeleteRegKey HKCU "${CLASSES}\Applications\galago.exe"
	DeleteRegKey HKCU "${CLASSES}\${NAME}.Picture"
	DeleteRegKey HKCU "${CLASSES}\${NAME}.Model"
	DeleteRegValue HKCU "${CLASSES}\.gguf\OpenWithProgids" "${NAME}.Model"
	DeleteRegKey /ifempty HKCU "${CLASSES}\.gguf\OpenWithProgids"
	DeleteRegKey /ifempty HKCU "${CLASSES}\.gguf"
	DeleteRegValue HKCU "Software\RegisteredApplications" "${NAME}"
	DeleteRegKey HKCU "${CAPABILITIES}"
	DeleteRegKey /ifempty HKCU "Software\${NAME}"
	DeleteRegKey HKCU "${UNINSTALL}"
	Call un.Refresh
FunctionEnd

; Only what the person has ticked, and only what Galago itself keeps in the person's folders. Data of a portable copy stays
; where it is.
Function un.DeleteData
	${If} $Conversations == 1
		Push "${DATA}\conversations"
		Call un.DeleteTree
	${EndIf}
	${If} $Models == 1
		Push "${DATA}\models"
		Call un.DeleteTree
		Push "${DATA}\downloads"
		Call un.DeleteTree
		Push "${DATA}\engines"
		Call un.DeleteTree
	${EndIf}
	${If} $Rest == 1
		Call un.DeleteRest
	${EndIf}
	RMDir "${DATA}"
FunctionEnd

; Settings, logs, figures that were measured, caches: everything that is neither conversations nor models.
Function un.DeleteRest
	FindFirst $0 $1 "${DATA}\*.*"
	${DoWhile} $1 != ""
		${Select} $1
		${Case5} "." ".." "conversations" "models" "downloads"
		${Case} "engines"
		${CaseElse}
			Push "${DATA}\$1"
			Call un.DeleteEntry
		${EndSelect}
		FindNext $0 $1
	${Loop}
	FindClose $0
	Push "$LOCALAPPDATA\cache\galago"
	Call un.DeleteTree
	RMDir "$LOCALAPPDATA\cache"
	Push "$APPDATA\fyne\${ID}"
	Call un.DeleteTree
	RMDir "$APPDATA\fyne"
FunctionEnd
